"""How the hub relays frames to one peer or to a room, or only records them."""

from __future__ import annotations

from signaling_sidecar import errors
from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import Refuse, Trace
from signaling_sidecar.hub.effects import Record, Send
from signaling_sidecar.hub.messages import Relayed
from signaling_sidecar.hub.rules import Ending
from tests.kit.hub_driver import Driver


def room_of_three() -> Driver:
    hub = Driver()
    for connection, peer in enumerate("abc", start=1):
        hub.join(connection, peer)
    return hub


def test_a_relay_reaches_its_receiver_with_the_sender_added() -> None:
    hub = room_of_three()
    record, sent = hub.relay(1, "b")
    assert sent == Send((2,), Relayed("a", "offer", b"{}", room="bar"))
    assert record == Record(
        "signal.relayed", "rooms", "bar", "a", "b", 1, "session-1", kind="offer", size=2, data=b"{}"
    )


def test_a_broadcast_reaches_all_others_as_one_record() -> None:
    hub = room_of_three()
    record, sent = hub.relay(2, None, kind="broadcast")
    assert sent == Send((1, 3), Relayed("b", "broadcast", b"{}", room="bar"))
    assert isinstance(record, Record)
    assert record.to is None


def test_a_broadcast_of_a_peer_that_is_alone_is_only_recorded() -> None:
    hub = Driver()
    hub.join(1, "a")
    assert hub.sent(hub.relay(1, None)) == []


def test_a_frame_may_name_its_own_sender_and_no_other() -> None:
    hub = room_of_three()
    assert hub.sent(hub.relay(1, "b", claimed="a")) != []
    assert hub.refused(hub.relay(1, "b", claimed="c")) == Code.FORGED_FROM


def test_a_relay_to_the_sender_or_an_unknown_peer_is_refused() -> None:
    hub = room_of_three()
    hub.join(9, "z", room="den")
    for name in ("a", "nobody", "z"):
        assert hub.refused(hub.relay(1, name)) == Code.NO_SUCH_PEER


def test_a_relay_to_a_peer_that_is_away_is_refused_and_a_broadcast_skips_it() -> None:
    hub = room_of_three()
    hub.end(2, Ending.LOST)
    assert hub.refused(hub.relay(1, "b")) == Code.PEER_AWAY
    assert hub.sent(hub.relay(1, None)) == [Send((3,), Relayed("a", "offer", b"{}", room="bar"))]


def test_nothing_is_relayed_before_a_join_or_after_a_leave() -> None:
    hub = room_of_three()
    hub.leave(3)
    for connection in (3, 99):
        assert hub.refused(hub.relay(connection, "a")) == Code.NOT_JOINED


def test_a_trace_is_recorded_and_not_sent() -> None:
    hub = room_of_three()
    (record,) = hub.handle(Trace(connection=1, dialect="rooms", payload=b'{"type":"trace"}'))
    assert isinstance(record, Record)
    assert (record.type, record.peer, record.data) == ("trace.state", "a", b'{"type":"trace"}')


def test_a_frame_without_a_valid_command_is_recorded_in_the_room_of_its_sender() -> None:
    hub = room_of_three()
    effects = hub.handle(Refuse(connection=1, refusal=errors.too_fast(100), count=40))
    assert hub.refused(effects) == Code.TOO_FAST
    record = effects[0]
    assert isinstance(record, Record)
    assert isinstance(record.data, dict)
    assert (record.room, record.peer, record.data["count"]) == ("bar", "a", 40)
