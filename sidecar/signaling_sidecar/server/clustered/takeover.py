"""Restores the hub from the log in Redis when an instance becomes the owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Set

import msgspec

from signaling_sidecar.cluster import wire
from signaling_sidecar.cluster.instance import Claimed
from signaling_sidecar.cluster.link import Entry
from signaling_sidecar.cluster.log_stream import LogEntry, LogPlace
from signaling_sidecar.cluster.messages import Ask
from signaling_sidecar.cluster.numbers import instance_of
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.errors import NOT_JSON, UnreadableMessage
from signaling_sidecar.hub import Checkpoint, Hub, Past, Restore, read_back
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.server.clustered.step import LocalFront, StepFront, StepLog
from signaling_sidecar.server.clustered.term import Term
from signaling_sidecar.server.owner import Owner

_lines = msgspec.json.Decoder(Past)
logger = logging.getLogger("signaling_sidecar")


class Restored:
    """A hub that is being restored. `living` are the numbers of the instances whose connections have not ended, and
    `step` is the last step that was committed.

    The hub also gets the connections of instances that are gone. These connections are ended later, so that the log has
    a record of each. But if no instance is left, the whole cluster was restarted, and each session gets its full
    grace period, as after a restart of a single sidecar.
    """

    def __init__(self, hub: Hub, living: Set[int], step: int) -> None:
        self.hub = hub
        self._living = living
        self._restore = Restore(hub, _is_connected if living else None)
        self._step = step
        self._place: LogPlace | None = None

    def take(self, entry: Entry) -> None:
        """Apply an entry of the log. The first call must be for the last checkpoint. Unreadable entries are skipped."""
        try:
            if self._place is None:
                self._place = LogPlace()
                self._start(self._place.begin(entry))
                return
            for past in _lines.decode_lines(self._place.follow(entry, self._step).lines):
                reason = self._restore.apply(past)
                if reason is not None:
                    _complain(reason)
        except (*NOT_JSON, UnreadableMessage) as error:
            _complain(str(error))

    @property
    def is_restart(self) -> bool:
        """Whether the whole cluster was restarted, so that all connections in the log have ended without a record."""
        return not self._living and self._place is not None

    def finish(self) -> None:
        self._restore.finish(asyncio.get_running_loop().time())

    def held(self, encoded: bytes) -> Iterator[Ask]:
        """Decode the commands that wait for the result of a challenge, and leave out those of clients that are gone."""
        if not encoded:
            return
        try:
            messages = wire.decode_to_owner(encoded)
        except UnreadableMessage as error:
            _complain(str(error))
            return
        for message in messages:
            if isinstance(message, Ask) and self._is_living(getattr(message.command, "connection", 0)):
                yield message

    def _start(self, entry: LogEntry) -> None:
        read, left_out = read_back(entry.checkpoint or b"", Checkpoint)
        self._restore.start(read, entry.ts)
        for reason in left_out:
            _complain(reason)

    def _is_living(self, connection: int) -> bool:
        return instance_of(connection) in self._living


def _is_connected(_: int) -> bool:
    return True


def _complain(reason: str) -> None:
    logger.warning("the state of the cluster is not restored completely: %s", reason, extra={"code": "restore"})


class Takeover:
    """Creates a `Term` and its parts. `new_owner` creates the owner that runs a hub."""

    def __init__(
        self,
        new_hub: Callable[[], Hub],
        new_owner: Callable[[Hub, StepLog, StepFront], Owner],
        dialects: Mapping[str, Dialect],
        payloads: Callable[[], str],
        local: LocalFront,
        wanted: Callable[[], None],
        noted: Callable[[Record], None],
    ) -> None:
        self._new_hub = new_hub
        self._new_owner = new_owner
        self._dialects = dialects
        self._payloads = payloads
        self._local = local
        self._wanted = wanted
        self._noted = noted

    def begin(self, me: int, others: Set[int], step: int) -> Restored:
        """Begin to restore the hub. `others` are the other living instances."""
        living = {*others, me} if others or len(self._local) else set()
        return Restored(self._new_hub(), living, step)

    def term(self, restored: Restored, me: int, claimed: Claimed) -> Term:
        restored.finish()
        log = StepLog(claimed.seq, self._payloads)
        front = StepFront(me, self._local, self._wanted)
        owner = self._new_owner(restored.hub, log, front)
        front.dialect_of = owner.dialect_of
        return Term(me, claimed, owner, restored.hub, log, front, self._dialects, self._wanted, self._noted)
