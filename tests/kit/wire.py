"""A hub and one dialect, to which several connections send frames, without sockets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from signaling_sidecar import errors
from signaling_sidecar.auth import Claims, InvalidToken, Why
from signaling_sidecar.dialects import DIALECTS, Binary, Caller, Closing, Dialect, Introduction, Opening
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import Alive, Command, End, OfAdmin, SetLogState
from signaling_sidecar.hub.effects import Challenge, Close, Effect, Record, Send
from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.messages import LastWords
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.server.authorisation.access import Access
from signaling_sidecar.server.authorisation.command_checks import CommandChecks
from signaling_sidecar.server.authorisation.gate import NotLetIn
from signaling_sidecar.settings import Settings
from tests.dialects.manners import MANNERS
from tests.kit.hub_driver import CountedIds, Driver
from tests.kit.text_frames import value_of

AT_MS = 1000  # connection number n sends its frames at the time n * AT_MS


def conceal(secret: str) -> str:
    """A readable text that replaces the keyed hash of a secret."""
    return f"hash-of-{secret}"


def opening(dialect: Dialect, path: str) -> Opening:
    """Parse a path as the server does before it calls the dialect."""
    url = urlsplit(path)
    query = dict(reversed(parse_qsl(url.query, keep_blank_values=True)))
    patterns = [re.sub(r"\{room\}", "(?P<room>[^/]+)", each) for each in dialect.paths]
    matches = [match for each in patterns if (match := re.fullmatch(each, url.path))]
    assert matches, f"{path} is none of the paths of {dialect.name!r}: {dialect.paths}"
    return Opening(matches[0].groupdict().get("room"), query, url.query)


class Wire:
    """`sent` contains the frames that each connection has received and the test has not read.

    A connection is created when its name is first used.
    """

    def __init__(self, dialect: str, settings: Settings | None = None) -> None:
        self.dialect = DIALECTS[dialect]
        self.driver = Driver()
        self.driver.hub = Hub({dialect: self.dialect.rules(settings or Settings())}, 100, CountedIds())
        self.callers: dict[str, Caller] = {}
        self.sent: dict[str, list[Any]] = {}
        self.records: list[Record] = []
        self.accepted: set[str | None] = set()
        """The kinds of the frames that were not refused."""
        self._tokens: dict[str, Claims] | None = None
        self._accesses: dict[str, Access] = {}

    def require_tokens(self, tokens: dict[str, Claims]) -> None:
        """From now on, refuse frames of connections that have not shown one of these tokens."""
        self._tokens = tokens
        self._checks = CommandChecks({self.dialect.name: self.dialect.rules(Settings())}, conceal, lambda subject: 0.0)

    def open(self, name: str, room: str | None = None, peer: str | None = None) -> None:
        """Connect at the path that the dialect's clients use. The dialect may end the connection at once."""
        named = room is not None or peer is not None
        path = MANNERS[self.dialect.name].path(room or "", peer or "") if named else self.dialect.paths[0]
        opened = self.dialect.open(opening(self.dialect, path))
        number = len([each for each in self.callers if each != "lobby"]) + 1
        self.sent[name] = []
        self.callers[name] = Caller(
            0 if name == "lobby" else number,
            opened if isinstance(opened, Introduction) else Introduction(),
            conceal,
            given_id=name,
        )
        if isinstance(opened, Closing):
            farewell = self.dialect.farewell(opened)
            self.sent[name] += [] if farewell is None else [value_of(farewell)]
            self.sent[name].append(list(opened))
        elif (command := self.dialect.begin(self.callers[name], AT_MS * number)) is not None:
            self.deliver(self.driver.handle(command), AT_MS * number)

    def caller(self, name: str) -> Caller:
        if name not in self.callers:
            self.open(name)
        return self.callers[name]

    def session_of(self, name: str) -> Session | None:
        """The session of a connection that is in only one room."""
        return self.driver.hub.membership.session(self.callers[name].connection)

    def send(self, name: str, frame: bytes) -> list[Effect]:
        """Send a text frame, or a binary frame if `frame` is a `Binary`."""
        caller = self.caller(name)
        at_ms = AT_MS * caller.connection
        command = self._checked(self.decode(frame, caller, at_ms), name)
        effects = self.driver.handle(command)
        self.deliver(effects, at_ms)
        refused = any(isinstance(each, Record) and each.type == "signal.refused" for each in effects)
        if not refused:
            self.accepted.add(self.kind_of(frame))
        return effects

    def _checked(self, command: Command, name: str) -> Command:
        tokens = self._tokens
        if tokens is None:
            return command

        def verify(token: str) -> Claims:
            if token not in tokens:
                raise NotLetIn(errors.wrong_token(str(InvalidToken(Why.SIGNATURE))), Why.SIGNATURE)
            return tokens[token]

        access = self._accesses.setdefault(name, Access(None, 0.0, verify, lambda: None))
        return self._checks.check(command, access)

    def kind_of(self, frame: bytes) -> str | None:
        if not isinstance(frame, Binary):
            return self.dialect.kind_of(frame)
        command = self.decode(frame, Caller(0, Introduction(), conceal), 0)
        return getattr(command, "kind", None)

    def decode(self, frame: bytes, caller: Caller, at_ms: int) -> Command:
        if not isinstance(frame, Binary):
            return self.dialect.decode(frame, caller, at_ms)
        assert self.dialect.decode_binary is not None, f"{self.dialect.name!r} takes no binary frames"
        return self.dialect.decode_binary(frame, caller, at_ms)

    def end(self, name: str, ending: Ending) -> None:
        self.deliver(self.driver.handle(End(self.caller(name).connection, ending)))

    def alive(self, name: str) -> None:
        """Let the connection answer a challenge."""
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
                    encoded = self.dialect.encode(message, at_ms) or ()
                    for number in connections:
                        mark = (marks or {}).get(number)
                        for text in encoded if isinstance(encoded, tuple) else (encoded,):
                            whole = text if mark is None else self.dialect.mark(text, mark)
                            is_binary = isinstance(whole, Binary)
                            self.sent[names[number]].append(bytes(whole) if is_binary else value_of(whole))
                        if isinstance(message, LastWords) and (closing := self.dialect.closing(message)):
                            self.sent[names[number]].append(list(closing))
                case Close(connection, code, reason):
                    self.sent[names[connection]].append([code, reason])
                case Record():
                    self.records.append(effect)
                case Challenge():
                    pass
