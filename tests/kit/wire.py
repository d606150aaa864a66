"""A hub behind one dialect, driven by the frames of several connections, without a socket."""

from __future__ import annotations

import json
from typing import Any

from signaling_sidecar.dialects import DIALECTS, Caller, Closing, Introduction, Opening
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import Alive, End, OfAdmin, Opened, SetLogState
from signaling_sidecar.hub.effects import Challenge, Close, Effect, LastWords, Record, Send
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.settings import Settings
from tests.kit.hub_driver import CountedIds, Driver

AT_MS = 1000  # the wall clock of a frame: this times the number of its connection


def conceal(secret: str) -> str:
    """A keyed hash that a test can read."""
    return f"hash-of-{secret}"


class Wire:
    """What each connection has been sent and not yet looked at. A connection is made when it is first named."""

    def __init__(self, dialect: str, settings: Settings | None = None) -> None:
        self.dialect = DIALECTS[dialect]
        self.driver = Driver()
        self.driver.hub = Hub({dialect: self.dialect.rules(settings or Settings())}, 100, CountedIds())
        self.callers: dict[str, Caller] = {}
        self.sent: dict[str, list[Any]] = {}
        self.records: list[Record] = []

    def open(self, name: str, room: str | None = None, peer: str | None = None) -> None:
        """Connect with what the handshake says; a dialect may end the connection at once."""
        query = {key: value for key, value in (("room", room), ("roomId", room), ("userId", peer)) if value is not None}
        opened = self.dialect.open(Opening(query=query, raw_query="&".join(f"{k}={v}" for k, v in query.items())))
        number = len([each for each in self.callers if each != "lobby"]) + 1
        self.sent[name] = []
        self.callers[name] = Caller(
            0 if name == "lobby" else number, opened if isinstance(opened, Introduction) else Introduction(), conceal
        )
        if isinstance(opened, Closing):
            self.sent[name].append(list(opened))
        elif isinstance(opened, Introduction) and opened.peer is not None:
            command = Opened(self.callers[name].connection, self.dialect.name, opened.peer)
            self.deliver(self.driver.handle(command))

    def caller(self, name: str) -> Caller:
        if name not in self.callers:
            self.open(name)
        return self.callers[name]

    def send(self, name: str, frame: bytes) -> list[Effect]:
        caller = self.caller(name)
        at_ms = AT_MS * caller.connection
        effects = self.driver.handle(self.dialect.decode(frame, caller, at_ms))
        self.deliver(effects, at_ms)
        return effects

    def end(self, name: str, ending: Ending) -> None:
        self.deliver(self.driver.handle(End(self.caller(name).connection, ending)))

    def alive(self, name: str) -> None:
        """The connection answers a challenge."""
        self.deliver(self.driver.handle(Alive(self.caller(name).connection)))

    def administer(self, command: OfAdmin) -> None:
        """Carry out a command of the admin."""
        outcome = self.driver.hub.administer(command, self.driver.now_s)
        assert not isinstance(outcome, Refusal), outcome
        self.deliver(outcome)

    def set_log_state(self, *, is_written: bool) -> None:
        self.deliver(self.driver.handle(SetLogState(is_written)))

    def pass_time(self, seconds: float) -> None:
        self.deliver(self.driver.pass_time(seconds))

    def deliver(self, effects: list[Effect], at_ms: int = 0) -> None:
        names = {caller.connection: name for name, caller in self.callers.items()}
        for effect in effects:
            match effect:
                case Send(connections, message, marks):
                    text = self.dialect.encode(message, at_ms)
                    for number in connections:
                        mark = (marks or {}).get(number)
                        if text is not None:
                            whole = text if mark is None else self.dialect.mark(text, mark)
                            self.sent[names[number]].append(json.loads(whole))
                        if isinstance(message, LastWords) and (closing := self.dialect.closing(message)):
                            self.sent[names[number]].append(list(closing))
                case Close(connection, code, reason):
                    self.sent[names[connection]].append([code, reason])
                case Record():
                    self.records.append(effect)
                case Challenge():
                    pass
