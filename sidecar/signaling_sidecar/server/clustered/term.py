"""Runs the hub of the whole cluster while this instance is the owner. This time is called a term.

1. All effects of the hub are collected in a step, which is committed as a whole. If Redis refuses it, the term ends.
2. The messages of each instance are handled in the order in which the instance has sent them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Set
from typing import assert_never

import msgspec

from signaling_sidecar.cluster import wire
from signaling_sidecar.cluster.instance import Claimed, Step
from signaling_sidecar.cluster.link import Entry, place_of
from signaling_sidecar.cluster.messages import Ask, Call, Ended, Gone, Note, Opened, Recognised, Remind, ToOwner
from signaling_sidecar.cluster.numbers import instance_of
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.hub import Ending, Hub, checkpoint, commands
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.server.clustered.batches import batch_in
from signaling_sidecar.server.clustered.calls import Calls
from signaling_sidecar.server.clustered.may_send import may_send
from signaling_sidecar.server.clustered.step import StepFront, StepLog
from signaling_sidecar.server.owner import Owner
from signaling_sidecar.server.tell import ConnectionEnded, ConnectionOpened

CHECKPOINT_EVERY_BYTES = 1_000_000
"""The most bytes of lines between two checkpoints or, if that is more, twice the size of the first checkpoint. A new
owner must read these lines, which takes a tenth of a second for a megabyte."""

MAX_DIGITS = 15  # digits in the number of an instance; `int` raises an error if there are thousands of digits

_to_json = msgspec.json.Encoder().encode
logger = logging.getLogger("signaling_sidecar")


class Term:
    """`hub` must have been restored to the state that `claimed` names, and `owner` must have been created with `hub`,
    `log` and `front`.

    `wanted` is called when there is something to commit, and `noted` with each record that a front adds to the log.
    """

    def __init__(
        self,
        me: int,
        claimed: Claimed,
        owner: Owner,
        hub: Hub,
        log: StepLog,
        front: StepFront,
        dialects: Mapping[str, Dialect],
        wanted: Callable[[], None],
        noted: Callable[[Record], None],
    ) -> None:
        self.me = me
        self.fence = claimed.fence
        """The number of the term."""
        self.step = self.committed = claimed.step
        """The number of the last step that Redis has."""
        self.held = claimed.held
        """The commands that wait for the result of a challenge, as they are stored in Redis."""
        self.place = self.read_place = claimed.place
        self.owner = owner
        self.hub = hub
        self.log_bytes = 0
        """The size of the lines since the last checkpoint."""
        self.checkpoint_bytes = 0
        self._log = log
        self._front = front
        self._dialects = dialects
        self._wanted = wanted
        self._noted = noted
        self._has_place = False
        self._calls = Calls(owner, hub, front)
        self._buried: set[int] = set()
        """The instances that have left in this term."""

    def begin(self, last: int | None, members: Set[int], *, is_restart: bool) -> Set[int]:
        """Record that the owner has changed, and end the connections of the last owner if it is gone.

        Returns the other instances that are gone. Their connections must be ended after the inbox was handled, because
        the inbox may still contain messages of these instances.
        """
        gone = {instance_of(each) for each in self.hub.connections()} - members
        if is_restart:
            self.owner.record(Record("server.restored"))
        if last is not None and last not in members:
            # `Gone` of `last` may be in the inbox, but comes after commands of clients that have already moved to other
            # instances.
            self.bury(last)
        self.owner.record(Record("owner.changed", data={"instance": self.me, "fence": self.fence, "before": last}))
        return gone

    # --- messages of the fronts ---------------------------------------------------------------------------------------

    def take_entry(self, entry: Entry) -> None:
        """Handle an entry of the inbox, unless that was done before."""
        if place_of(entry.id) <= place_of(self.read_place):
            return
        from_ = entry.fields.get(b"from", b"")
        sender = int(from_) if from_.isdigit() and len(from_) <= MAX_DIGITS else -1
        for message in batch_in(entry, wire.decode_to_owner):
            try:
                self.take(message, sender)
            except Exception:
                logger.exception("a message of instance %d could not be handled", sender)
        self.place = self.read_place = entry.id
        self._has_place = True
        self._wanted()

    def take_own(self, message: ToOwner) -> None:
        """Handle a message of this instance."""
        self._do(message, self.me)

    def take(self, message: ToOwner, sender: int) -> None:
        """Handle a message of another instance."""
        if not may_send(sender, message):
            logger.warning(
                "a message in Redis is ignored: its sender may not send such a message",
                extra={"code": "foreign-message"},
            )
            return
        self._do(message, sender)

    def _do(self, message: ToOwner, sender: int) -> None:
        match message:
            case Ask():
                self.ask(message.command, message.dialect)
            case Remind():
                self._remind(message.command)
            case Opened():
                dialect = self._dialects.get(message.dialect or "")
                client = message.address, message.origin, message.user_agent, message.subject
                self.owner.opened(ConnectionOpened(message.connection, dialect, *client, message.request))
            case Recognised():
                if message.dialect in self._dialects:
                    self.owner.recognised(message.connection, self._dialects[message.dialect])
            case Ended():
                self._front.closed.discard(message.connection)
                dialect = self._dialects.get(message.dialect or "")
                self.owner.ended(
                    ConnectionEnded(
                        message.connection, message.ending, message.by, message.code, message.reason, dialect
                    )
                )
            case Note():
                self.owner.record(message.record)
                self._noted(message.record)
            case Gone():
                self.bury(message.instance, stopped=message.stopped)
            case Call():
                self._calls.answer(message, sender)
            case _:
                assert_never(message)

    def ask(self, command: commands.Command, dialect: str | None) -> None:
        """Carry out a command of a client of this dialect."""
        connection = command.connection
        if connection in self._front.closed and not isinstance(command, commands.Refuse):
            return
        if self.owner.dialect_of(connection) is None and (known := self._dialects.get(dialect or "")) is not None:
            self.owner.recognised(connection, known)  # only an earlier owner was told the dialect of this connection
        self.owner.ask(command)

    def _remind(self, command: commands.Command) -> None:
        is_known = isinstance(command, commands.WatchRooms) and command.connection in self.hub.lobby.watchers()
        if not is_known:
            self.owner.ask(command)

    def bury_others(self) -> None:
        """End the connections of all other instances, because Redis has lost the state of the cluster."""
        self._calls.forget()
        for instance in sorted({instance_of(each) for each in self.hub.connections()} - {self.me}):
            self.bury(instance)

    def bury(self, instance: int, *, stopped: bool = False) -> None:
        """End the connections of an instance that is gone. Their clients can resume their sessions elsewhere."""
        if instance not in self._buried:
            self._buried.add(instance)
            self.owner.record(Record("instance.left", data={"instance": instance, "stopped": stopped}))
        self._front.closed = {each for each in self._front.closed if instance_of(each) != instance}
        for connection in sorted(each for each in self.hub.connections() if instance_of(each) == instance):
            self.owner.ended(ConnectionEnded(connection, Ending.STOPPED, "sidecar", None, "instance left", None))

    # --- steps --------------------------------------------------------------------------------------------------------

    def next_step(self, segment_bytes: int) -> Step | None:
        """Return the next step, or None if nothing has happened since the last one.

        The step has a checkpoint if it is the first one, or if enough bytes of lines were written since the last
        checkpoint. Enough is the smaller of `segment_bytes` and `CHECKPOINT_EVERY_BYTES`, but at least twice the
        checkpoint's size.
        """
        self.owner.write_log()
        lines = self._log.take()
        own, others = self._front.take()
        is_first = self.checkpoint_bytes == 0
        held = self.held if is_first else self._encoded_held()  # before the first step, the hub has no held commands
        if not (is_first or lines or own or others or self._has_place or held != self.held):
            return None
        self.held, self._has_place = held, False
        self.step += 1
        self.log_bytes += len(lines)
        state: bytes | None = None
        enough_bytes = max(min(segment_bytes, CHECKPOINT_EVERY_BYTES), 2 * self.checkpoint_bytes)
        if is_first or self.log_bytes >= enough_bytes:
            state = self.checkpoint()
        return Step(self.step, self.place, lines, self._log.seq, self._log.ts, own, others, state, held)

    @property
    def seq(self) -> int:
        """The number of the last line."""
        return self._log.seq

    @property
    def ts(self) -> float:
        """The time of the last line."""
        return self._log.ts

    def _encoded_held(self) -> bytes:
        held = self.hub.held()
        return wire.encode_to_owner([Ask(command, None) for command in held]) if held else b""

    def checkpoint(self) -> bytes:
        state = _to_json(checkpoint(self.hub, asyncio.get_running_loop().time()))
        self.log_bytes, self.checkpoint_bytes = 0, len(state)
        return state

    def end(self) -> None:
        """Cancel the deadlines of the owner and its running hooks."""
        self.owner.hold_deadlines()
        self._calls.end()
