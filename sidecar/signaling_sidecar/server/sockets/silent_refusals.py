"""Print a line when a client is refused because of a limit or its token, and its protocol has no frame for errors.

The developer of the page would otherwise see that it does not work, and nothing that says why.
"""

from __future__ import annotations

import logging

from signaling_sidecar.errors import Code, Refusal

_LIMITS = frozenset((Code.ROOM_FULL, Code.TOO_FAST, Code.TOO_LARGE, Code.TOO_MANY_ROOMS, Code.UNAUTHORISED))
"""The codes that are reported. A frame can be refused for other reasons although nothing is wrong, for example when its
receiver has just left."""

logger = logging.getLogger("signaling_sidecar")


class SilentRefusals:
    def __init__(self) -> None:
        self._told: set[tuple[str, Code]] = set()

    def report(self, dialect: str, refusal: Refusal) -> None:
        """Print a line about a refusal that is not sent to its client, once for each dialect and limit."""
        if refusal.code in _LIMITS and (dialect, refusal.code) not in self._told:
            self._told.add((dialect, refusal.code))
            logger.warning(
                "a client of %s was refused, and its protocol has no frame that says so: %s (%s)",
                dialect,
                refusal.message,
                refusal.code,
                extra={"code": refusal.code},
            )
