"""Rooms whose peers are not told of each other: two peers meet when one sends something to the other."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from signaling_sidecar.diagnosis import find_meetings, read_entries
from signaling_sidecar.hub import Hub, RoomKey, checkpoint
from signaling_sidecar.hub.commands import Join
from signaling_sidecar.hub.rules import Announcements, Joining, RoomRules
from tests.kit.diagnosis_log import Story
from tests.kit.hub_driver import CountedIds
from tests.kit.inspection_log import header, record, write_segment


class Hall(Story):
    """A room that is recorded as unannounced, and in which Ann, Ben and Cleo are."""

    def joins(self, peer: str, name: str | None = None, origin: str | None = None) -> Hall:
        if peer == "ann" and "ann" not in self._stays:
            self.record("room.created", data={"capacity": 100, "listed": False, "announced": False})
        super().joins(peer, name, origin)
        return self


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path).joins("ben", "Ben").joins("cleo", "Cleo")


def pairs(story: Story) -> list[set[str]]:
    found = find_meetings(read_entries([story.write()]))
    return [{session.peer for session in meeting.sessions} for meeting in found.meetings]


def test_peers_that_send_each_other_nothing_have_not_met(hall: Hall) -> None:
    assert pairs(hall) == []


def test_two_peers_meet_once_when_one_sends_something_to_the_other(hall: Hall) -> None:
    hall.describes("ann", "offer").describes("ben", "answer")
    assert pairs(hall) == [{"ann", "ben"}]
    (meeting,) = find_meetings(read_entries([hall.write()])).meetings
    assert [signal.what for signal in meeting.signals] == ["offer", "answer"]


def test_a_frame_to_everybody_makes_peers_meet_only_when_it_is_about_a_connection(hall: Hall) -> None:
    hall.record("signal.relayed", "ann", kind="hello", data={"type": "hello"})
    assert pairs(hall) == []
    hall.record("signal.relayed", "ann", kind="offer", data={"type": "offer", "sdp": "v=0"})
    assert pairs(hall) == [{"ann", "ben"}, {"ann", "cleo"}]


def test_an_offer_that_expired_is_reported_as_refused(hall: Hall) -> None:
    hall.record("signal.kept", "ann", to="dora", kind="offer", data={"type": "offer", "sdp": "v=0"})
    hall.record("signal.expired", "ann", to="dora", kind="offer")
    (rejection,) = find_meetings(read_entries([hall.write()])).rejections
    assert rejection.code == "no-such-peer"
    assert rejection.message == "no peer 'dora' joined before the frame expired"


def test_a_checkpoint_tells_that_a_room_is_unannounced(tmp_path: Path) -> None:
    rules = RoomRules(joining=Joining(capacity=9), announcements=Announcements(announces_members=False))
    hub = Hub({"hall": rules}, 9, CountedIds())
    for connection, peer in ((1, "ann"), (2, "ben")):
        hub.handle(Join(connection=connection, room=RoomKey("hall", "bar"), at_ms=0, peer=peer), 0.0)
    state = msgspec.json.decode(msgspec.json.encode(checkpoint(hub, 0.0)))
    lines = [header("b00t"), record(2, 0.0, "log.checkpoint", data=state)]
    segment = write_segment(tmp_path / "events-b00t-0001.jsonl", lines)
    assert find_meetings(read_entries([segment])).meetings == []
