"""Warns in the terminal if a client is refused because of a limit or its token, but its protocol has no error frame.

The developer of the page would otherwise not learn why it does not work.
"""

from __future__ import annotations

import logging

from signaling_sidecar.errors import Code, Refusal

_LIMITS = frozenset((Code.ROOM_FULL, Code.TOO_FAST, Code.TOO_LARGE, Code.TOO_MANY_ROOMS, Code.UNAUTHORISED))
"""The codes that are reported. Other refusals occur even if nothing is wrong, for example because the receiver of a
frame has just left."""

logger = logging.getLogger("signaling_sidecar")


class SilentRefusals:
    def __init__(self) -> None:
        self._told: set[tuple[str, Code]] = set()

    def report(self, dialect: str, refusal: Refusal) -> None:
        """Log a warning about a refusal of which the client is not told, once for each dialect and code."""
        if refusal.code in _LIMITS and (dialect, refusal.code) not in self._told:
            self._told.add((dialect, refusal.code))
            logger.warning(
                "a client of %s was refused, and its protocol has no frame that says so: %s (%s)",
                dialect,
                refusal.message,
                refusal.code,
                extra={"code": refusal.code},
            )
