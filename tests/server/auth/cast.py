"""The dialects, rooms and paths that the tests of tokens use."""

from __future__ import annotations

import pytest

from signaling_sidecar.dialects import DIALECTS
from tests.dialects.manners import MANNERS

ROOM, OTHER_ROOM = "first-room", "second-room"
SETTINGS = {"peerjs_discovery": True, "pairing_cross_code": True}
CHOOSE_IDS = [name for name, manners in MANNERS.items() if not manners.gives_ids and name != "pairing"]
"""The dialects whose clients choose their peer ids."""
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def paths_of(dialect: str) -> list[str]:
    manners = MANNERS[dialect]
    return [manners.path(ROOM, "ann"), *manners.other_paths(ROOM, "ann")]
