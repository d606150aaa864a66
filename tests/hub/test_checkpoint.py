"""The parts of a hub's state that a checkpoint contains."""

from __future__ import annotations

import msgspec

from signaling_sidecar.hub import Checkpoint, checkpoint
from signaling_sidecar.hub.rules import Ending
from tests.kit.hub_driver import Driver


def test_a_checkpoint_contains_rooms_sessions_and_remaining_graces() -> None:
    hub = Driver(capacity=9)
    hub.join(1, "a", at_ms=5, name="Ada", metadata=msgspec.Raw(b'{"x":1}'), capacity=4)
    hub.join(2, "b", at_ms=6, instance="i")
    hub.end(2, Ending.LOST)
    hub.pass_time(10)
    state = checkpoint(hub.hub, hub.now_s)
    assert msgspec.json.decode(msgspec.json.encode(state)) == {
        "rooms": [
            {
                "dialect": "rooms",
                "room": "bar",
                "capacity": 4,
                "asked_capacity": 4,
                "listed": True,
                "created_at_ms": 5,
                "idle_s": 10.0,
                "sessions": [
                    {
                        "session": "session-1",
                        "peer": "a",
                        "connection": 1,
                        "joined_at_ms": 5,
                        "name": "Ada",
                        "metadata": {"x": 1},
                    },
                    {
                        "session": "session-2",
                        "peer": "b",
                        "joined_at_ms": 6,
                        "instance": "i",
                        "away": {"ending": "lost", "left_s": 20.0, "told": ["session-1"], "away_s": 10.0},
                    },
                ],
            }
        ],
        "waiting": [],
        "barred": [],
        "mailboxes": [],
        "known_ids": [],
        "barred_left_s": [],
        "tries": [],
    }


def test_an_empty_hub_is_an_empty_list() -> None:
    assert checkpoint(Driver().hub, 0) == Checkpoint(rooms=[], waiting=[])
