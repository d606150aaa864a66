"""From frames to the hub, and from its effects to the log and the outboxes, once per loop tick.

1. The records of a tick reach the kernel before any frame of that tick is sent.
2. A connection gets all frames of a tick in one write, in the order the hub said them.
3. After a connection's end nothing is put into its outbox.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.eventlog import LogWriter
from signaling_sidecar.hub import Ending, Hub, commands
from signaling_sidecar.hub.commands import Command, OfAdmin
from signaling_sidecar.hub.effects import (
    Challenge,
    Close,
    CloseCode,
    Durability,
    Effect,
    LastWords,
    PeerList,
    Record,
    Send,
)
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.sockets import frames
from signaling_sidecar.server.sockets.connection import CHALLENGE, Connection, End
from signaling_sidecar.server.user_hooks.checks import Judge
from signaling_sidecar.untrusted_text import visible

NS_PER_MS = 1_000_000
logger = logging.getLogger("signaling_sidecar")


class Dispatcher:
    """Runs one hub in one event loop."""

    def __init__(self, hub: Hub, log: LogWriter, ice_servers: IceServers, max_frames_per_s: float) -> None:
        self._hub = hub
        self._log = log
        self.ice_servers = ice_servers
        self.max_frames_per_s = max_frames_per_s
        self._loop = asyncio.get_running_loop()
        self._connections: dict[int, Connection] = {}
        self.judge: Judge | None = None
        """Asked before the hub, if there are hooks."""
        self._dirty: list[Connection] = []
        self._flush_asked = False
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_s: float | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def address_of(self, connection: int) -> str | None:
        """The address of a client, where it is known."""
        known = self._connections.get(connection)
        return known.address if known is not None else None

    def opened(
        self,
        connection: Connection,
        dialect: str | None,
        *,
        remote: str | None,
        origin: str | None,
        agent: str | None,
    ) -> None:
        self._connections[connection.id] = connection
        # A header may hold bytes that are no UTF-8, which Python keeps as lone surrogates: no JSON can.
        shown = {"origin": origin and visible(origin), "user_agent": agent and visible(agent)}
        data = present(remote=remote, **shown)
        self.record(Record("connection.opened", dialect, connection=connection.id, data=data))

    def admits(self, connection: Connection) -> bool:
        """Whether one more frame of the connection may pass. One that comes too fast is refused, and reported."""
        now_s = self._loop.time()
        if connection.rate.admits(now_s):
            return True
        self._report_too_fast(connection, connection.rate.take_report(now_s), now_s)
        return False

    def read(self, connection: Connection, frame: bytes | None) -> Command:
        """What the frame asks for; None stands for a binary one, which no dialect has."""
        try:
            return self._command(connection, frame)
        except Exception:
            return self._failed(connection)

    def do(self, connection: Connection, command: Command) -> None:
        now_s = self._loop.time()
        if isinstance(command, commands.Enqueue):
            self._end_the_dead(command, now_s)
        try:
            effects = self._hub.handle(command, now_s)
        except Exception:
            effects = self._hub.handle(_in_place_of(command, self._failed(connection)), now_s)
        self._carry_out(effects)
        if connection.speaker is None:
            self.close(connection, CloseCode.REFUSED, Code.UNKNOWN_TYPE)

    def set_rules(self, command: commands.SetRules) -> None:
        """The settings are others."""
        self._carry_out(self._hub.handle(command, self._loop.time()))

    def administer(self, command: OfAdmin) -> Refusal | None:
        """Carry out what no connection has asked for, or say why not."""
        outcome = self._hub.administer(command, self._loop.time())
        if isinstance(outcome, Refusal):
            return outcome
        self._carry_out(outcome)
        return None

    def _end_the_dead(self, ask: commands.Enqueue, now_s: float) -> None:
        """A transport that is closing is dead, though its reader has not had its turn: nobody is matched with it."""
        place = self._hub.membership.place(ask.dialect, ask.peer)
        mates = [mate.connection for mate in place.room.sessions.values()] if place is not None else []
        for id_ in {*mates, *(waiting.connection for waiting in self._hub.matchmaking)} - {ask.connection, None}:
            other = self._connections.get(id_ or 0)
            if other is not None and other.outbox.transport.is_closing():
                self._carry_out(self._hub.handle(commands.End(other.id, Ending.LOST), now_s))

    def _failed(self, connection: Connection) -> commands.Refuse:
        logger.exception("a frame of connection %d could not be handled", connection.id)
        return commands.Refuse(connection=connection.id, refusal=errors.internal())

    def _command(self, connection: Connection, frame: bytes | None) -> Command:
        if frame is None:
            return commands.Refuse(connection=connection.id, refusal=errors.bad_json("this one is binary"))
        if connection.speaker is None and connection.recognise is not None:
            connection.speaker = connection.recognise(frame)
        if connection.speaker is None:
            return commands.Refuse(connection=connection.id, refusal=errors.unknown_beginning(), size=len(frame))
        dialect, caller = connection.speaker
        return dialect.decode(frame, caller, time.time_ns() // NS_PER_MS)

    def ponged(self, connection: Connection, data: bytes) -> None:
        """The connection has answered a ping: the heartbeat's, or a challenge."""
        connection.pong(data)
        if data == CHALLENGE:
            self._carry_out(self._hub.handle(commands.Alive(connection.id), self._loop.time()))

    def ended(self, connection: Connection, end: End) -> None:
        """The connection's reader is done. What becomes of its peer is the hub's to say."""
        now_s = self._loop.time()
        self._report_too_fast(connection, connection.rate.take_rest(now_s), now_s)
        self._connections.pop(connection.id, None)
        session = self._hub.membership.session(connection.id)
        key = session.room.key if session is not None else None
        dialect = connection.speaker.dialect if connection.speaker is not None else None
        untold = end.by == "peer" and dialect is not None and dialect.keeps_secrets
        self.record(
            Record(
                "connection.closed",
                dialect.name if dialect is not None else None,
                key.room if key is not None else None,
                session.peer if session is not None else None,
                connection=connection.id,
                session=session.id if session is not None else None,
                data=present(
                    code=end.code, ending=end.ending, by=end.by, reason=None if untold else end.reason or None
                ),
            )
        )
        self._carry_out(self._hub.handle(commands.End(connection.id, end.ending), now_s))

    def close(self, connection: Connection, code: int, reason: str, ending: Ending = Ending.LOST) -> None:
        """End a connection after what it was still to be sent. Its reader ends when the peer has answered."""
        if self._connections.pop(connection.id, None) is not None:
            connection.close(code, reason, ending)

    def close_idle(self, connection: Connection) -> None:
        self.close(connection, CloseCode.REFUSED, "idle")

    def close_all(self) -> None:
        """Tell every peer to come back."""
        for connection in list(self._connections.values()):
            self.close(connection, CloseCode.RESTART, "restart", Ending.STOPPED)

    def flush(self) -> None:
        """End the tick: write the records, then send the frames."""
        self._flush_asked = False
        self._log.flush()
        if self._log.is_written is not self._hub.state.log_is_written:
            self._carry_out(self._hub.handle(commands.SetLogState(self._log.is_written), self._loop.time()))
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            if not connection.outbox.flush():
                connection.abort("slow reader")
        self._arm_deadline()

    def look_after_log(self) -> None:
        """See whether the log is still where it was, and can be written; to be called now and then."""
        self._log.look_after()
        self.flush()

    def stop(self) -> None:
        """The last tick: nothing is scheduled any more."""
        self.record(Record("server.stopped"))
        self.flush()
        if self._deadline is not None:
            self._deadline.cancel()

    def _report_too_fast(self, connection: Connection, count: int, now_s: float) -> None:
        if count:
            refusal = errors.too_fast(self.max_frames_per_s)
            command = commands.Refuse(connection=connection.id, refusal=refusal, count=count)
            self._carry_out(self._hub.handle(command, now_s))

    def record(self, record: Record) -> None:
        self._log.append(record)
        self._ask_flush()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Record):
                self._log.append(effect if effect.type != "signal.refused" else self._refusal_for_log(effect))
                if effect.type == "peer.left" and self.judge is not None:
                    self.judge.left(effect)
            elif isinstance(effect, Send):
                self._send(effect)
            else:
                self._end_or_ask(effect)
        self._ask_flush()

    def _refusal_for_log(self, record: Record) -> Record:
        """What a connection does outside of a room is no room's, but still its dialect's."""
        connection = self._connections.get(record.connection or 0)
        if connection is None or connection.speaker is None:
            return record
        dialect = connection.speaker.dialect
        changes: dict[str, Any] = {"dialect": dialect.name}
        if dialect.keeps_secrets and isinstance(record.data, Mapping) and record.data["code"] == Code.UNKNOWN_TYPE:
            changes |= {"kind": None, "data": present(code=Code.UNKNOWN_TYPE, count=record.data["count"])}
        return msgspec.structs.replace(record, **changes)

    def _end_or_ask(self, effect: Close | Challenge) -> None:
        connection = self._connections.get(effect.connection)
        if connection is None:
            return
        if isinstance(effect, Close):
            self.close(connection, effect.code, effect.reason)
        else:
            connection.challenge()

    def _send(self, send: Send) -> None:
        message, marks = send.message, send.marks
        if isinstance(message, PeerList):
            message = self._completed(message, send.connections[0])
        text: bytes | None = None
        shared: bytes | None = None
        for id_ in send.connections:
            connection = self._connections.get(id_)
            if connection is None or connection.speaker is None:
                continue
            dialect = connection.speaker.dialect
            if text is None:
                text = dialect.encode(message, time.time_ns() // NS_PER_MS) or b""
            if marks is not None and (mark := marks.get(id_)) is not None:
                self._put(connection, frames.frame(frames.TEXT, dialect.mark(text, mark)))
            elif text:
                shared = shared or frames.frame(frames.TEXT, text)
                self._put(connection, shared)
                if isinstance(message, Durability):
                    connection.outbox.hurry_last()  # it says what the `ca` of this tick's other frames is worth
            if isinstance(message, LastWords) and (closing := dialect.closing(message)) is not None:
                self.close(connection, *closing)

    def _completed(self, list_: PeerList, receiver: int) -> PeerList:
        """The list with what is not the hub's to say."""
        connection = self._connections.get(receiver)
        return msgspec.structs.replace(
            list_,
            ice_servers=self.ice_servers.for_peer(list_.peer, time.time()),
            limits=connection.limits if connection is not None else None,
        )

    def put(self, connection: Connection, frame: bytes) -> None:
        """Send a frame that is none of the hub's, at the end of the tick."""
        self._put(connection, frame)
        self._ask_flush()

    def _put(self, connection: Connection, frame: bytes) -> None:
        if connection.outbox.is_empty:
            self._dirty.append(connection)
        connection.outbox.put(frame)

    def _ask_flush(self) -> None:
        # call_soon runs after the readers that this same poll has woken: their frames join this tick.
        if not self._flush_asked:
            self._flush_asked = True
            self._loop.call_soon(self.flush)

    def _arm_deadline(self) -> None:
        next_s = self._hub.next_deadline_s
        if next_s == self._deadline_s:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline_s = next_s
        self._deadline = None if next_s is None else self._loop.call_at(next_s, self._tick)

    def _tick(self) -> None:
        self._deadline_s = None
        self._ask_flush()
        self._carry_out(self._hub.handle(commands.Tick(), self._loop.time()))


def _in_place_of(command: Command, refuse: commands.Refuse) -> Command:
    """The refusal, under the command's number if it has one: it counts, or the client would send the frame again."""
    if isinstance(command, commands.Numbered):
        return msgspec.structs.replace(command, command=refuse)
    return refuse
