"""Published frames: all peers in the room receive them, and their sender need not be in the room."""

from __future__ import annotations

import pytest

from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import Kick, Leave, Relay
from signaling_sidecar.hub.effects import Record, Send
from signaling_sidecar.hub.messages import Relayed
from signaling_sidecar.hub.rules import Announcements, Endings, Joining, Relays
from tests.kit.several_rooms import BAR, DEN, GRACE_S, Rooms

ANN, BEN, EVE = 1, 2, 3


def topics() -> Rooms:
    """Create a hub in which Ann and Ben are in the room BAR, and nobody is in DEN."""
    hub = Rooms(
        joining=Joining(capacity=9, rooms_per_connection=2),
        endings=Endings(grace_s=dict.fromkeys(GRACE_S, 0.0)),
        announcements=Announcements(announces_members=False),
        relays=Relays(publishes=True),
    )
    hub.enter(ANN, "ann", BAR)
    hub.enter(BEN, "ben", BAR)
    return hub


def publish(connection: int, peer: str, **more: object) -> Relay:
    return Relay(connection, "publish", None, peer, b"{}", room=BAR, **more)  # type: ignore[arg-type]


def recorded(hub: Rooms, relay: Relay) -> tuple[str | None, str | None, str | None]:
    """Relay a frame, and return the session, the peer and the receiver in its record."""
    (record,) = [e for e in hub.handle(relay) if isinstance(e, Record) and e.type == "signal.relayed"]
    return record.session, record.peer, record.to


def test_everybody_receives_a_published_frame_its_sender_too_and_is_told_how_many_they_are() -> None:
    hub = topics()
    sent = hub.sent(hub.handle(publish(ANN, "ann")))
    assert sent == [Send((ANN, BEN), Relayed("ann", "publish", b"{}", room="bar", receivers=2))]


def test_the_sender_need_not_be_in_the_room() -> None:
    hub = topics()
    effects = hub.handle(publish(EVE, "eve"))
    assert effects == [
        Record("signal.relayed", "many", "bar", "eve", None, EVE, None, "publish", 2, b"{}"),
        Send((ANN, BEN), Relayed("eve", "publish", b"{}", room="bar", receivers=2)),
    ]


def test_a_frame_for_a_room_without_peers_is_refused_and_creates_no_room() -> None:
    hub = topics()
    assert hub.refused(hub.handle(Relay(EVE, "publish", None, "eve", b"{}", room=DEN))) == Code.NO_SUCH_ROOM
    assert hub.hub.membership.room(DEN) is None


def test_a_frame_to_one_peer_is_not_published() -> None:
    hub = topics()
    assert hub.sent(hub.handle(Relay(ANN, "offer", "ben", "ann", b"{}", room=BAR))) == [
        Send((BEN,), Relayed("ann", "offer", b"{}", room="bar"))
    ]
    assert hub.refused(hub.handle(Relay(EVE, "offer", "ben", "eve", b"{}", room=BAR))) == Code.NOT_JOINED


def test_a_peer_that_the_admin_has_removed_cannot_send_from_outside() -> None:
    hub = topics()
    hub.hub.administer(Kick(BAR, "ann"), hub.now_s)
    assert hub.refused(hub.handle(publish(ANN, "ann"))) == Code.BARRED
    hub.pass_time(60)
    assert hub.heard(hub.handle(publish(ANN, "ann")), BEN) != []


def test_a_member_cannot_claim_another_peer_id() -> None:
    hub = topics()
    assert hub.refused(hub.handle(publish(ANN, "ben"))) == Code.FORGED_FROM


def test_a_frame_can_name_its_sender_which_is_recorded_once() -> None:
    hub = topics()
    update, *_ = hub.handle(publish(ANN, "ann", sender_name="Ann's page"))
    assert isinstance(update, Record)
    assert (update.type, update.peer, update.data) == ("peer.updated", "ann", {"name": "Ann's page"})
    again = hub.handle(publish(ANN, "ann", sender_name="Ann's page"))
    assert [each.type for each in again if isinstance(each, Record)] == ["signal.relayed"]


@pytest.mark.parametrize("sender", [ANN, EVE])
def test_a_record_says_for_whom_a_frame_to_all_is_meant(sender: int) -> None:
    hub = topics()
    hub.handle(publish(BEN, "ben", sender_name="Ben's page"))
    name = {ANN: "ann", EVE: "eve"}[sender]
    meant = publish(sender, name, receiver_name="Ben's page")
    assert recorded(hub, meant)[1:] == (name, "ben")
    assert hub.heard(hub.handle(meant), ANN) != []  # Ann also receives it


def test_a_record_has_the_name_of_a_receiver_that_is_not_in_the_room() -> None:
    assert recorded(topics(), publish(ANN, "ann", receiver_name="gone"))[2] == "gone"


def test_each_room_has_its_own_names() -> None:
    hub = topics()
    hub.enter(ANN, "ann", DEN)
    hub.handle(publish(ANN, "ann", sender_name="in the bar"))
    hub.handle(Relay(ANN, "publish", None, "ann", b"{}", room=DEN, sender_name="in the den"))
    assert [session.name for session in hub.hub.membership.sessions(ANN)] == ["in the bar", "in the den"]


def test_leaving_a_room_that_the_connection_is_not_in_may_do_nothing() -> None:
    hub = topics()
    assert hub.handle(Leave(connection=EVE, room=BAR, may_be_outside=True)) == []
    assert hub.refused(hub.handle(Leave(connection=EVE, room=BAR))) == Code.NOT_JOINED
    hub.handle(Leave(connection=ANN, room=BAR, may_be_outside=True))
    assert hub.in_rooms(ANN) == {}
