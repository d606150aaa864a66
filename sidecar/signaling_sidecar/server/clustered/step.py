"""Collects the effects of the owner of a cluster until its next commit: lines of the log, and messages to fronts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from signaling_sidecar.cluster.messages import Reply, ToFront
from signaling_sidecar.cluster.numbers import instance_of
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.eventlog.line import Line, encode_lines
from signaling_sidecar.eventlog.line_maker import LineMaker
from signaling_sidecar.hub.effects import Challenge, Close, Record, Send
from signaling_sidecar.hub.messages import LastWords, Relayed


class LocalFront(Protocol):
    """The front of this instance."""

    def send(self, send: Send) -> None: ...

    def close(self, close: Close) -> None: ...

    def challenge(self, challenge: Challenge) -> None: ...

    def is_lost(self, connection: int) -> bool: ...

    def __len__(self) -> int: ...


class StepLog:
    """Takes the place of the `LogWriter` of an `Owner`: it collects the lines of a step."""

    is_written = True
    """Always True, because Redis has the log: sessions survive even if a machine is lost."""

    def __init__(self, seq: int, payloads: Callable[[], str]) -> None:
        self._maker = LineMaker(payloads(), seq)
        self._maker.set_time()  # a checkpoint that is made before the first line needs a time
        self._payloads = payloads
        self._lines: list[Line] = []

    @property
    def seq(self) -> int:
        """The number of the last line."""
        return self._maker.seq

    @property
    def ts(self) -> float:
        """The time of the last line."""
        return self._maker.ts

    def append(self, record: Record) -> None:
        if not self._lines:
            self._maker.payloads = self._payloads()
            self._maker.set_time()
        self._lines.append(self._maker.line(record))

    def flush(self) -> None:
        """Does nothing, because the commit writes the lines."""

    def look_after(self) -> None:
        """Does nothing, because each instance checks its own files (`LogCopy`)."""

    def take(self) -> bytes:
        lines, self._lines = self._lines, []
        return encode_lines(lines) if lines else b""


class StepFront:
    """Takes the place of the front of an `Owner`: it collects what the fronts of all instances must do."""

    def __init__(self, me: int, local: LocalFront, wanted: Callable[[], None]) -> None:
        self.dialect_of: Callable[[int], Dialect | None] = lambda _: None
        """Returns the dialect of a connection, or None if the owner does not know it."""
        self.closed: set[int] = set()
        """The connections that their fronts were told to close, and that have not ended yet. Commands from these
        connections are ignored, as if the connections were closed already."""
        self._me = me
        self._local = local
        self._wanted = wanted
        self._own: list[ToFront] = []
        self._others: defaultdict[int, list[ToFront]] = defaultdict(list)

    def send(self, send: Send) -> None:
        connections = send.connections
        if send.message.__class__ is not Relayed and isinstance(send.message, LastWords):
            self.closed.update(each for each in connections if self._closes(each, send.message))
        if len(connections) == 1:
            self._add(instance_of(connections[0]), send)
            return
        by_instance: defaultdict[int, list[int]] = defaultdict(list)
        for connection in connections:
            by_instance[instance_of(connection)].append(connection)
        for instance, its in by_instance.items():
            marks = send.marks and {each: send.marks[each] for each in its if each in send.marks}
            self._add(instance, Send(tuple(its), send.message, marks))

    def close(self, close: Close) -> None:
        self.closed.add(close.connection)
        self._add(instance_of(close.connection), close)

    def challenge(self, challenge: Challenge) -> None:
        self._add(instance_of(challenge.connection), challenge)

    def reply(self, instance: int, reply: Reply) -> None:
        self._add(instance, reply)
        self._wanted()  # asks for a commit now; all other messages are committed after the end of the tick

    def is_lost(self, connection: int) -> bool:
        """Whether the socket is closed already. False for the sockets of other instances, which are not known here."""
        return instance_of(connection) == self._me and self._local.is_lost(connection)

    def take(self) -> tuple[list[ToFront], dict[int, list[ToFront]]]:
        own, others = self._own, self._others
        self._own, self._others = [], defaultdict(list)
        return own, others

    def _closes(self, connection: int, message: LastWords) -> bool:
        dialect = self.dialect_of(connection)
        return dialect is not None and dialect.closing(message) is not None

    def _add(self, instance: int, message: ToFront) -> None:
        (self._own if instance == self._me else self._others[instance]).append(message)


class StepTick:
    """Takes the place of the tick of an `Owner`. Instead of sending frames, it asks for a commit (`wanted`)."""

    def __init__(self, wanted: Callable[[], None]) -> None:
        self.needs_end = wanted

    def end(self) -> None:
        self.needs_end()
