"""Runs the hub: passes commands and deadlines to it, carries out its effects, writes the event log, and calls hooks.

1. The records of a tick are passed to the kernel before any frame of that tick is sent (`tick.py`).
2. Commands are handled in the order in which they came. Their effects reach the front in the same order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, assert_never

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import Ending, Hub, commands
from signaling_sidecar.hub.commands import Command, OfAdmin
from signaling_sidecar.hub.effects import Challenge, Close, Effect, Record, Send
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.counts import Counts
from signaling_sidecar.server.refused_commands import instead_of
from signaling_sidecar.server.tell import ConnectionEnded, ConnectionOpened, FrontSide
from signaling_sidecar.untrusted_text import visible

if TYPE_CHECKING:
    from signaling_sidecar.server.user_hooks.checks import HookChecks

logger = logging.getLogger("signaling_sidecar")


class RecordLog(Protocol):
    """The event log, or in a cluster the step that collects records until the next commit (`StepLog`)."""

    @property
    def is_written(self) -> bool: ...

    def append(self, record: Record) -> None: ...

    def flush(self) -> None: ...

    def look_after(self) -> None: ...


class TickEnd(Protocol):
    """Ends a tick: writes the records of this turn of the event loop, and sends its frames."""

    def needs_end(self) -> None: ...

    def end(self) -> None: ...


class Owner:
    """Must be created in a running event loop.

    In a cluster, an earlier owner was told of some of the open connections. `opened` is not called again for these
    connections: the next call about such a connection is `recognised`, `ask` or `ended`.
    """

    def __init__(self, hub: Hub, log: RecordLog, front: FrontSide, tick: TickEnd, counts: Counts | None = None) -> None:
        """If this sidecar was the owner before, `counts` are its counts so far, which continue."""
        self.has_hooks = False
        self.counts = counts or Counts()
        self._hooks: HookChecks | None = None
        self._hub = hub
        self._log = log
        self._front = front
        self._tick = tick
        self._loop = asyncio.get_running_loop()
        self._dialects: dict[int, Dialect] = {}
        """The dialects of the open connections, as far as they are known."""
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_s: float | None = None
        self._holds_deadlines = False

    def dialect_of(self, connection: int) -> Dialect | None:
        """Return the dialect of an open connection, if it is known."""
        return self._dialects.get(connection)

    # --- what the front asks and tells -------------------------------------------------------------------------------

    async def checked(self, command: Command) -> Command:
        return command if self._hooks is None else await self._hooks.check_command(command)

    def ask(self, command: Command) -> None:
        now_s = self._loop.time()
        if type(command) is commands.Join or type(command) is commands.Enqueue:
            self._end_the_lost(command, now_s)
        try:
            effects = self._hub.handle(command, now_s)
        except Exception:
            refusal = instead_of(command, errors.internal())
            logger.exception("a frame of connection %d could not be handled", refusal.connection)
            effects = self._hub.handle(refusal, now_s)
        self._carry_out(effects)

    def opened(self, opened: ConnectionOpened) -> None:
        if opened.dialect is not None:
            self._dialects[opened.connection] = opened.dialect
        # A header may contain bytes that are not UTF-8. Python represents them as lone surrogates, which JSON cannot
        # contain.
        shown = {
            "origin": opened.origin and visible(opened.origin),
            "user_agent": opened.user_agent and visible(opened.user_agent),
        }
        data = present(remote=opened.address, **shown, subject=opened.subject, request_id=opened.request)
        dialect = opened.dialect.name if opened.dialect is not None else None
        self.record(Record("connection.opened", dialect, connection=opened.connection, data=data))

    def recognised(self, connection: int, dialect: Dialect) -> None:
        self._dialects[connection] = dialect

    def ended(self, ended: ConnectionEnded) -> None:
        dialect = self._dialects.pop(ended.connection, ended.dialect)
        session = self._hub.membership.session(ended.connection)  # None if the connection is in several rooms
        untold = ended.by == "peer" and dialect is not None and dialect.keeps_secrets
        reason = None if untold else ended.reason or None
        self.record(
            Record(
                "connection.closed",
                dialect.name if dialect is not None else None,
                session.room.key.room if session is not None else None,
                session.peer if session is not None else None,
                connection=ended.connection,
                session=session.id if session is not None else None,
                data=present(code=ended.code, ending=ended.ending, by=ended.by, reason=reason),
            )
        )
        self._carry_out(self._hub.handle(commands.End(ended.connection, ended.ending), self._loop.time()))

    def _end_the_lost(self, ask: commands.Enqueue | commands.Join, now_s: float) -> None:
        """End the connections of waiting users and peers whose socket is closed already, so that no group is made with
        them."""
        for connection in self._mates(ask):
            if connection is not None and connection != ask.connection and self._front.is_lost(connection):
                self._carry_out(self._hub.handle(commands.End(connection, Ending.LOST), now_s))

    def _mates(self, ask: commands.Enqueue | commands.Join) -> set[int | None]:
        """The connections of all peers and waiting users who may be in a group with the sender."""
        membership = self._hub.membership
        if isinstance(ask, commands.Join):
            room = None if ask.group is None else membership.room(self._hub.in_group(ask).room)
            return set() if room is None else {mate.connection for mate in room.sessions.values()}
        session = membership.session_of_peer(ask.dialect, ask.peer) if ask.peer is not None else None
        mates = [mate.connection for mate in session.room.sessions.values()] if session is not None else []
        return {*mates, *(waiting.connection for waiting in self._hub.matchmaking.queue(ask))}

    # --- what the settings, the admin and the time ask for -----------------------------------------------------------

    def use_hooks(self, hooks: HookChecks) -> None:
        """Use these hooks for each command from now on."""
        self._hooks = hooks
        self.has_hooks = True

    def set_rules(self, command: commands.SetRules) -> None:
        self._carry_out(self._hub.handle(command, self._loop.time()))

    def administer(self, command: OfAdmin) -> Refusal | None:
        """Carry out an admin command. Returns the refusal if it cannot be carried out."""
        outcome = self._hub.administer(command, self._loop.time())
        if isinstance(outcome, Refusal):
            return outcome
        self._carry_out(outcome)
        return None

    def record(self, record: Record) -> None:
        self.counts.add(record)
        self._log.append(record)
        self._tick.needs_end()

    def write_log(self) -> None:
        """Write the records of this tick. `Tick` calls this before any frame is sent."""
        self._log.flush()
        if self._log.is_written is not self._hub.state.log_is_written:
            self._carry_out(self._hub.handle(commands.SetLogState(self._log.is_written), self._loop.time()))
        self._arm_deadline()

    def catch_up(self) -> None:
        """Carry out all deadlines that have passed."""
        now_s = self._loop.time()
        while (next_s := self._hub.next_deadline_s) is not None and next_s <= now_s:
            self._carry_out(self._hub.handle(commands.Tick(), now_s))

    def hold_deadlines(self) -> None:
        """Suspend all deadlines, because the sidecar is about to stop or Redis does not answer.

        After a restart, the grace period of a client begins when the next sidecar listens.
        """
        self._holds_deadlines = True
        self._arm_deadline()

    def release_deadlines(self) -> None:
        """Carry out deadlines again, beginning with those that have passed while they were suspended."""
        self._holds_deadlines = False
        self._arm_deadline()

    def look_after_log(self) -> None:
        """Check that the log is still at its path and can be written. Must be called regularly."""
        self._log.look_after()
        self._tick.end()

    def stop(self) -> None:
        """End the last tick. Nothing is scheduled afterwards."""
        self.record(Record("server.stopped"))
        self._tick.end()
        if self._deadline is not None:
            self._deadline.cancel()

    def _arm_deadline(self) -> None:
        next_s = None if self._holds_deadlines else self._hub.next_deadline_s
        if next_s == self._deadline_s:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline_s = next_s
        self._deadline = None if next_s is None else self._loop.call_at(next_s, self._deadline_has_come)

    def _deadline_has_come(self) -> None:
        self._deadline_s = None
        self._tick.needs_end()
        self._carry_out(self._hub.handle(commands.Tick(), self._loop.time()))

    # --- what the hub wants done -------------------------------------------------------------------------------------

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Record():
                    self._append(effect)
                case Send():
                    self._front.send(effect)
                case Close():
                    self._front.close(effect)
                case Challenge():
                    self._front.challenge(effect)
                case _:
                    assert_never(effect)
        self._tick.needs_end()

    def _append(self, record: Record) -> None:
        if record.type == "signal.relayed":
            self.counts.relays[record.dialect] += 1
            self._log.append(record)
            return
        if record.type == "signal.refused":
            record = self._with_dialect(record)
        elif record.type == "peer.left" and self._hooks is not None:
            self._hooks.tell_left(record)
        self.counts.add(record)
        self._log.append(record)

    def _with_dialect(self, refused: Record) -> Record:
        """Add the connection's dialect to the record of a refused frame, and remove what the dialect keeps secret."""
        dialect = self._dialects.get(refused.connection or 0)
        if dialect is None:
            return refused
        changes: dict[str, Any] = {"dialect": dialect.name}
        data = refused.data
        if dialect.keeps_secrets and isinstance(data, Mapping) and data["code"] == Code.UNKNOWN_TYPE:
            changes |= {"kind": None, "data": present(code=Code.UNKNOWN_TYPE, count=data["count"])}
        return msgspec.structs.replace(refused, **changes)
