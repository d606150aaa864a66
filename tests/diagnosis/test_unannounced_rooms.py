"""The diagnosis of rooms that do not announce their peers: two peers are a pair once one has sent the other a frame."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from signaling_sidecar.diagnosis import diagnose, find_meetings, read_entries
from signaling_sidecar.hub import Hub, RoomKey, checkpoint
from signaling_sidecar.hub.commands import Join
from signaling_sidecar.hub.rules import Announcements, Joining, RoomRules
from tests.kit.diagnosis_log import CONNECTED, Story, elsewhere, sdp
from tests.kit.hub_driver import CountedIds
from tests.kit.inspection_log import header, record, write_segment
from tests.kit.shared_copy import shared_copy


class Hall(Story):
    """A log of a room that is recorded as unannounced. The fixture `hall` lets Ann, Ben and Cleo join it."""

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


def test_a_frame_that_searches_for_peers_is_no_signal_in_an_unknown_form(hall: Hall) -> None:
    hall.describes("ann", "offer").record("signal.relayed", "ben", kind="publish", data={"data": {"type": "announce"}})
    (line,) = (line for line in said(hall.waits(60)) if line.startswith("  ✗"))
    assert line.endswith("Ben has not answered the offer of Ann")
    assert "unknown form" not in "".join(said(hall))


def test_an_offer_that_expired_is_reported_as_refused(hall: Hall) -> None:
    hall.record("signal.kept", "ann", to="dora", kind="offer", data={"type": "offer", "sdp": "v=0"})
    hall.record("signal.expired", "ann", to="dora", kind="offer")
    (rejection,) = find_meetings(read_entries([hall.write()])).rejections
    assert rejection.code == "no-such-peer"
    assert rejection.message == "no peer 'dora' joined before the frame expired"


def test_the_connection_of_an_offer_that_expired_was_not_signaled_elsewhere(hall: Hall) -> None:
    hall.record("signal.kept", "ann", to="dora", kind="offer", data={"type": "offer", "sdp": sdp("CALL")})
    hall.record("signal.expired", "ann", to="dora", kind="offer")
    elsewhere(hall, "tab", localUfrag="CALL", signaling="have-local-offer")
    said = str(diagnose(read_entries([hall.waits(60).write()])))
    assert "the offer of Ann was refused: no-such-peer" in said
    assert "through another server" not in said


@pytest.mark.parametrize(("waits_s", "is_elsewhere"), [(0, False), (60, True)])
def test_an_offer_that_was_refused_was_not_for_another_server(
    hall: Hall, waits_s: float, *, is_elsewhere: bool
) -> None:
    """As after `peer.call(null)`. The record of the refusal has no ICE ufrag, so only the times match."""
    elsewhere(hall, "of ann", signaling="have-local-offer", localUfrag="CALL")
    hall.waits(waits_s).is_refused("ann", "OFFER", "bad-field").waits(60)
    assert ("signaled through another server" in said(hall)) is is_elsewhere


def test_a_checkpoint_tells_that_a_room_is_unannounced(tmp_path: Path) -> None:
    rules = RoomRules(joining=Joining(capacity=9), announcements=Announcements(announces_members=False))
    hub = Hub({"hall": rules}, 9, CountedIds())
    for connection, peer in ((1, "ann"), (2, "ben")):
        hub.handle(Join(connection=connection, room=RoomKey("hall", "bar"), at_ms=0, peer=peer), 0.0)
    state = msgspec.json.decode(msgspec.json.encode(checkpoint(hub, 0.0)))
    lines = [header("b00t"), record(2, 0.0, "log.checkpoint", data=state)]
    segment = write_segment(tmp_path / "events-b00t-0001.jsonl", lines)
    assert find_meetings(read_entries([segment])).meetings == []


# --- frames to everybody, of which only the content says for whom they are ------------------------------------------

SEALED = {"type": "publish", "topic": "bar", "data": "B0FFUy1HQ00M" + "a1B2" * 30 + "=="}
"""A frame that looks like an encrypted frame of y-webrtc."""
UUID = "5852d015-7c8e-4ee4-98d4-229c14265dfb"


def said(story: Story) -> list[str]:
    return str(diagnose(read_entries([story.write()]), story.now_ts)).splitlines()


def test_a_random_name_does_not_replace_a_readable_id(hall: Hall) -> None:
    hall.record("peer.updated", "cleo", data={"name": UUID})
    hall.describes("ann", "offer").record("signal.relayed", "cleo", to="ann", kind="offer", data={"sdp": "v=0"})
    assert [line.split(":")[0] for line in said(hall) if " and " in line] == ["  … Ann and Ben", "  … cleo and Ann"]


def test_a_room_with_encrypted_signals_is_reported_in_one_sentence(hall: Hall) -> None:
    for peer in ("ann", "ben", "ann"):
        hall.record("signal.relayed", peer, kind="publish", data=SEALED)
    room, sentence, advice = said(hall)
    assert room == "bar (rooms)"
    assert sentence.startswith("  ? the signals in this room are encrypted or in an unknown form, so only the reports")
    assert "signaling({ trace: true })" in advice


def test_a_room_with_encrypted_signals_is_shown_with_the_reports_that_may_belong_to_it(hall: Hall) -> None:
    hall.record("signal.relayed", "ann", kind="publish", data=SEALED)
    for page, other in (("one", "two"), ("two", "one")):
        elsewhere(hall, page, localUfrag=page, remoteUfrag=other, **CONNECTED)
    entries = list(read_entries([hall.write()]))
    for selected in (None, "bar"):
        room, sentence, elsewhere_, pair = str(diagnose(entries, room=selected)).splitlines()
        assert room == "bar (rooms)"
        assert sentence.startswith("  ? the signals in this room are encrypted")
        assert elsewhere_ == "signaled through another server, or in a form that cannot be read"
        assert pair.endswith(": connected")
    assert str(diagnose(entries, room="den")) == "no two peers have met in the room den"


def test_a_room_in_which_peers_were_seen_to_meet_is_not_reported_as_encrypted(hall: Hall) -> None:
    hall.record("signal.relayed", "ann", kind="publish", data=SEALED).describes("ann", "offer")
    assert not any("encrypted" in line for line in said(hall))


def test_a_shared_copy_of_a_log_shows_that_signals_were_encrypted(hall: Hall) -> None:
    hall.record("signal.relayed", "ann", kind="publish", data=SEALED)
    log = hall.write()
    log.write_bytes(shared_copy(log))
    assert "encrypted" in str(diagnose(read_entries([log])))
    assert str(SEALED["data"]) not in log.read_text()
