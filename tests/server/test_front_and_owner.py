"""The order in which the front and the owner act: the owner writes records before the front sends frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.dialects import Caller, Introduction
from signaling_sidecar.dialects.rooms import ROOMS
from signaling_sidecar.eventlog import LogWriter
from signaling_sidecar.hub import Ending, Hub, RoomKey, commands
from signaling_sidecar.hub.effects import Close
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.views import Limits
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.owner import Owner
from signaling_sidecar.server.random_ids import RandomIds
from signaling_sidecar.server.run_log import log_of
from signaling_sidecar.server.sockets import frames, unsent
from signaling_sidecar.server.sockets.connection import LOST, Connection, Speaker
from signaling_sidecar.server.sockets.frame_rate import FrameRate
from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.server.sockets.outbox import Outbox
from signaling_sidecar.server.sockets.unsent import CROWD
from signaling_sidecar.server.tell import ConnectionOpened
from signaling_sidecar.server.tick import Tick
from signaling_sidecar.settings import Settings

LIMITS = Limits(frame_bytes=65536, frames_per_s=100, burst=500, kept_bytes=65536)


class Transport(asyncio.Transport):
    """A transport that stores the written bytes, and the content of the event log at each write."""

    def __init__(self, log: LogWriter) -> None:
        super().__init__()
        self._log = log
        self.writes: list[bytes] = []
        self.logged: list[str] = []
        """The lines in the file of the log at the time of the last write."""
        self.is_closed = False
        self._written = asyncio.Event()

    async def next_write(self) -> bytes:
        """Wait for a write, and return everything that was written since the last call."""
        await self._written.wait()
        self._written.clear()
        written = b"".join(self.writes)
        self.writes.clear()
        return written

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written.set()
        self.writes.append(bytes(data))
        self.logged = self._log.path.read_text().splitlines()

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True


class Parts:
    """A front and an owner with a real hub and a real log, but without sockets."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(state_dir=folder, project=folder)
        rules = {ROOMS.name: ROOMS.rules(settings)}
        self.hub = Hub(rules, settings.max_rooms, RandomIds())
        self.log = log_of(self.hub, settings, rules, folder, "boot", lambda: None)
        self._tick = tick = Tick()
        self.front = Front(tick, IceServers(settings))
        tick.handle, tick.send = self.front.handle_taken, self.front.outgoing.flush
        self.begin_owner()
        self.transports: list[Transport] = []

    def begin_owner(self) -> None:
        """Replace the owner by a new one, which does not know the open connections."""
        self.front.owner = self.owner = Owner(self.hub, self.log, self.front, self._tick)
        self._tick.write_log = self.owner.write_log

    def records(self, type_: str) -> list[dict[str, Any]]:
        """The records of a type, with decoded `data`."""
        found = [json.loads(line) for line in self.log.path.read_text().splitlines()]
        return [{**each, "data": json.loads(each["data"])} for each in found if each["type"] == type_]

    def connect(self) -> Connection:
        id_ = len(self.transports) + 1
        self.transports.append(Transport(self.log))
        rate = FrameRate(1e6, 1000, asyncio.get_running_loop().time())
        outbox = Outbox(self.transports[-1], 65536, lambda: True)
        connection = Connection(id_, outbox, rate, self.front.close_idle, LIMITS, self.front.put)
        connection.speaks(Speaker(ROOMS, Caller(id_, Introduction(), lambda secret: secret)))
        self.front.opened(connection, ConnectionOpened(id_, ROOMS, None, None, None))
        return connection

    def hear(self, connection: Connection, **frame: object) -> None:
        """Pass a frame to the owner at once, like a frame that the connection's reader had to queue."""
        self.owner.ask(self.front.read(connection, text(frame)))

    def take(self, connection: Connection, **frame: object) -> None:
        """Pass a frame to `Front.take`, which handles it at the end of the tick. The connection's reader does this with
        most frames, and queues the others."""
        self.front.take(connection, text(frame))

    async def meet(self) -> tuple[Connection, Connection]:
        anna, ben = self.connect(), self.connect()
        for connection, peer in ((anna, "anna"), (ben, "ben")):
            self.hear(connection, type="join", roomId="bar", peerId=peer)
        await asyncio.sleep(0)  # one step of the event loop, which ends the tick
        for transport in self.transports:
            transport.writes.clear()
        return anna, ben

    async def crowd(self) -> list[Connection]:
        """Fill a room with so many peers that announcements are delayed, and wait until all of them are sent."""
        members = [self.join(f"p{number}") for number in range(CROWD + 1)]
        while f'"p{CROWD}"'.encode() not in await self.transports[0].next_write():
            pass
        for transport in self.transports:
            transport.writes.clear()
        return members

    def join(self, peer: str) -> Connection:
        connection = self.connect()
        self.hear(connection, type="join", roomId="bar", peerId=peer)
        return connection


def text(frame: dict[str, object]) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    parts = Parts(tmp_path)
    parts.log.open()
    yield parts
    parts.front.close_oldest(len(parts.front))
    parts.owner.stop()
    parts.log.close()


async def test_the_log_contains_each_frame_before_a_peer_receives_it(parts: Parts) -> None:
    anna, _ = await parts.meet()
    parts.hear(anna, type="offer", to="ben", sdp="v=0")
    assert parts.transports[1].writes == []  # nothing is sent before the end of the tick
    await asyncio.sleep(0)
    assert len(parts.transports[1].writes) == 1
    assert json.loads(parts.transports[1].logged[-1])["type"] == "signal.relayed"


async def test_a_peer_whose_socket_is_closed_already_is_put_into_no_group(parts: Parts) -> None:
    """The reader of the socket may notice the end only after the next peer has requested a group."""
    room = RoomKey(ROOMS.name, "duel")
    anna, ben, cleo = parts.connect(), parts.connect(), parts.connect()
    for connection in (anna, ben):
        parts.owner.ask(commands.Join(connection=connection.id, room=room, at_ms=0, capacity=3, group=0))
    parts.transports[0].is_closed = True
    parts.owner.ask(commands.Join(connection=cleo.id, room=room, at_ms=0, capacity=3, group=0))
    (group,) = parts.hub.membership.rooms
    assert [session.connection for session in group.sessions.values()] == [None, ben.id, cleo.id]


async def test_the_frames_of_a_tick_are_one_write_in_the_order_in_which_they_came(parts: Parts) -> None:
    anna, ben = await parts.meet()
    for number in range(3):
        parts.hear(anna, type="signal", to="ben", number=number)
    parts.front.put(ben, b"a ping")
    parts.hear(anna, type="broadcast", number=3)
    await asyncio.sleep(0)
    (written,) = parts.transports[1].writes
    in_order = [b'"number":0', b'"number":1', b'"number":2', b"a ping", b'"number":3']
    assert sorted(in_order, key=written.index) == in_order


async def test_the_frames_that_arrive_in_one_turn_of_the_loop_are_handled_in_order_and_are_one_tick(
    parts: Parts,
) -> None:
    anna, ben = await parts.meet()
    for number in range(3):
        parts.take(anna, type="signal", to="ben", number=number)
        parts.take(ben, type="signal", to="anna", number=number)
    assert parts.log.path.read_text().count("signal.relayed") == 0
    await asyncio.sleep(0)
    for transport in parts.transports:
        (written,) = transport.writes
        in_order = [b'"number":0', b'"number":1', b'"number":2']
        assert sorted(in_order, key=written.index) == in_order
        assert sum('"signal.relayed"' in line for line in transport.logged) == 6


async def test_frames_that_were_taken_are_not_handled_after_the_end_of_their_connection(parts: Parts) -> None:
    anna, ben = await parts.meet()
    parts.take(anna, type="signal", to="ben", number=1)
    parts.front.close_connection(anna, CloseCode.REMOVED, "removed")
    parts.take(ben, type="signal", to="anna", number=2)
    await asyncio.sleep(0)
    assert parts.transports[1].writes == []
    (written,) = parts.transports[0].writes
    assert written == frames.close_frame(CloseCode.REMOVED, "removed")


async def test_a_message_that_cannot_be_encoded_is_reported_and_all_others_arrive(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = await parts.meet()
    assert anna.speaker is not None
    anna.speaker = anna.speaker._replace(dialect=replace(ROOMS, encode=lambda message, at_ms: bytes(message)))
    parts.take(ben, type="signal", to="anna", number=1)
    parts.take(anna, type="signal", to="ben", number=2)
    await asyncio.sleep(0)
    (written,) = parts.transports[1].writes
    assert b'"number":2' in written
    assert [record.getMessage() for record in caplog.records] == ["a message to connection 1 could not be encoded"]


async def test_the_announcements_of_several_ticks_to_a_crowd_are_one_write_in_order(parts: Parts) -> None:
    await parts.crowd()
    for peer in ("uma", "vic"):
        newcomer = parts.join(peer)
        await asyncio.sleep(0)
        assert b'"peer_list"' in parts.transports[newcomer.id - 1].writes[0]  # answers are not delayed
        assert parts.transports[0].writes == []
    await parts.transports[0].next_write()
    (written,) = parts.transports[1].writes
    assert written.count(b'"peer_joined"') == 2
    assert written.index(b'"uma"') < written.index(b'"vic"')


async def test_a_relay_to_a_member_of_a_crowd_is_sent_at_once_after_the_announcements_before_it(parts: Parts) -> None:
    await parts.crowd()
    uma = parts.join("uma")
    await asyncio.sleep(0)
    parts.hear(uma, type="offer", to="p1", sdp="v=0")
    parts.join("vic")
    await asyncio.sleep(0)
    (written,) = parts.transports[1].writes
    in_order = [b'"peer_joined"', b'"uma"', b'"offer"', b'"vic"']
    assert sorted(in_order, key=written.index) == in_order
    assert parts.transports[0].writes == []
    assert (await parts.transports[0].next_write()).count(b'"peer_joined"') == 2
    assert len(parts.transports[1].writes) == 1  # the announcements before the relay are not repeated


async def test_the_log_contains_each_announcement_to_a_crowd_before_it_is_sent(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "MAX_DELAY_S", 0.0)
    await parts.crowd()
    parts.join("uma")
    await asyncio.sleep(0)  # this ends the tick of the join
    # The next step of the event loop sends the announcements. Before that, in the same step, another peer joins.
    asyncio.get_running_loop().call_soon(parts.join, "vic")
    written = await parts.transports[0].next_write()
    assert b'"vic"' in written
    joined = [
        record["peer"] for record in map(json.loads, parts.transports[0].logged) if record["type"] == "peer.joined"
    ]
    assert joined[-2:] == ["uma", "vic"]


async def test_announcements_that_wait_are_sent_before_a_close_frame(parts: Parts) -> None:
    members = await parts.crowd()
    parts.join("uma")
    by_the_owner(parts, members[1])
    await asyncio.sleep(0)
    (written,) = parts.transports[1].writes
    assert written.index(b'"uma"') < written.rindex(b"\x88")


async def test_an_owner_may_begin_while_connections_are_open(parts: Parts) -> None:
    anna, ben = await parts.meet()
    parts.begin_owner()
    parts.hear(anna, type="offer", to="ben", sdp="v=0")
    parts.front.ended(ben, LOST)
    await asyncio.sleep(0)
    assert b'"offer"' in parts.transports[1].writes[0]
    (closed,) = parts.records("connection.closed")
    assert (closed["dialect"], closed["room"], closed["peer"]) == (ROOMS.name, "bar", "ben")
    assert [record["peer"] for record in parts.records("peer.away")] == ["ben"]


async def test_a_refusal_has_the_dialect_that_an_owner_was_told_of_later(parts: Parts) -> None:
    anna = parts.connect()
    parts.begin_owner()
    for _ in range(2):
        parts.hear(anna, type="offer", to="ben", sdp="v=0")
        parts.owner.recognised(anna.id, ROOMS)
    await asyncio.sleep(0)
    refused = parts.records("signal.refused")
    assert [record.get("dialect") for record in refused] == [None, ROOMS.name]


def by_the_owner(parts: Parts, connection: Connection) -> None:
    parts.front.close(Close(connection.id, CloseCode.REMOVED, "removed"))


def by_the_front(parts: Parts, connection: Connection) -> None:
    parts.front.close_connection(connection, CloseCode.RESTART, "restart", Ending.STOPPED)


@pytest.mark.parametrize("close", [by_the_owner, by_the_front])
async def test_the_close_frame_is_the_last_that_a_connection_is_sent(
    parts: Parts, close: Callable[[Parts, Connection], None]
) -> None:
    anna, ben = await parts.meet()
    parts.hear(anna, type="signal", to="ben", number=1)
    close(parts, ben)
    close(parts, ben)
    parts.hear(anna, type="signal", to="ben", number=2)
    await asyncio.sleep(0)
    (written,) = parts.transports[1].writes
    assert b'"number":1' in written
    assert b'"number":2' not in written
    assert written.count(b"\x88") == 1  # the first byte of a Close frame
    assert written.rindex(b"\x88") > written.index(b'"number":1')


async def test_a_command_that_raises_in_the_hub_is_refused_and_the_next_one_is_processed(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna, _ = await parts.meet()
    handle, failures = parts.hub.handle, [ValueError("a secret")]

    def fail_once(command: commands.Command, now_s: float) -> object:
        if failures:
            raise failures.pop()
        return handle(command, now_s)

    monkeypatch.setattr(parts.hub, "handle", fail_once)
    parts.hear(anna, type="signal", to="ben")
    parts.hear(anna, type="ping")
    await asyncio.sleep(0)
    (written,) = parts.transports[0].writes
    assert written.index(b'"internal"') < written.index(b'"pong"')
    assert b"a secret" not in written
    assert "a secret" in caplog.text
