"""Warns in the terminal about clients that speak another protocol than that of the path to which they have connected.

The libraries of such clients ignore the refusals, so the developer would only see that nothing happens.
"""

from __future__ import annotations

import logging

from signaling_sidecar.dialects import DIALECTS, Dialect

logger = logging.getLogger("signaling_sidecar")


class ForeignFrames:
    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def report(self, dialect: Dialect, kind: str | None) -> None:
        """Log a warning about a refused frame of a client that is not in a room, if exactly one other dialect has
        frames of this kind. There is one warning for each pair of dialects."""
        if kind in dialect.kinds:
            return
        others = [other for other in DIALECTS.values() if kind in other.kinds]
        if len(others) == 1 and (dialect.name, others[0].name) not in self._told:
            self._told.add((dialect.name, others[0].name))
            logger.warning(
                "a client at the path of %s sends %r, which is a frame of %s: connect it to %s",
                dialect.name,
                kind,
                others[0].name,
                others[0].paths[0],
                extra={"code": "wrong-path"},
            )
