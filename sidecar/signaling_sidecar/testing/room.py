"""Lets a test wait for the peers of a room, read the verdicts on them, and remove a peer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from signaling_sidecar.diagnosis import JUST_MET, Reason, RejectionObject, State, VerdictObject, Why
from signaling_sidecar.testing.errors import NotConnected

LOOK_EVERY_S = 0.1  # seconds between two requests for the state of the room
# Seconds that `until_connected` waits for a verdict after its time is up, although the test has failed by then. The
# diagnosis calls an offer unanswered only after 5 s.
DECIDED_WITHIN_S = 5.5


class _Peer(msgspec.Struct):
    peer: str
    session: str
    away: bool
    host: bool
    name: str | None = None


class _Room(msgspec.Struct):
    dialect: str
    room: str
    peers: list[_Peer]


class _Rooms(msgspec.Struct):
    rooms: list[_Room]


class _Seen(NamedTuple):
    present: int
    unconnected: Sequence[VerdictObject]
    rejections: Sequence[RejectionObject]


class TestRoom:
    """A room of the test's sidecar. The room need not exist yet.

    `ask` sends a request to the admin API, and `log` returns the path of the event log.
    """

    __test__ = False  # otherwise pytest would collect this class, whose name begins with "Test"

    def __init__(self, id_: str, dialect: str, ask: Callable[..., Any], log: Callable[[], Path]) -> None:
        self.id, self.dialect = id_, dialect
        self._ask, self._log = ask, log

    def until_connected(self, *, peers: int, within_s: float = 5.0) -> None:
        """Wait until exactly this many peers are in the room, and every two of them are connected.

        Peers that are away do not count. In a room with a host, the other peers need only be connected to the host.
        Raises NotConnected, whose message says for every two peers why they are not connected.
        """
        __tracebackhide__ = True  # a failure then shows the line of the test that called this method
        began_s = time.monotonic()
        while True:
            passed_s = time.monotonic() - began_s
            seen = self._look()
            is_done = seen.present == peers and not seen.unconnected
            if is_done and passed_s < within_s + LOOK_EVERY_S:
                return
            is_undecided = any(verdict.state is State.TRYING for verdict in seen.unconnected)
            last_s = within_s + DECIDED_WITHIN_S * is_undecided
            if is_done or passed_s >= last_s:
                what = f"{_expected(peers)} in the room {self.id!r}, {_found(seen, peers)} after {within_s:g} s"
                raise NotConnected(what, seen.unconnected, seen.rejections, self._log())
            time.sleep(min(LOOK_EVERY_S, last_s - passed_s))

    def why(self) -> Why:
        """Return the verdicts on every two peers that were in the room together, and the sidecar's refusals there."""
        query = urlencode({"room": self.id, "dialect": self.dialect})
        return msgspec.convert(self._ask("GET", f"why?{query}"), Why)

    def kick(self, peer: str) -> None:
        """Remove the peer with this id, and refuse the id for a minute. Raises SidecarRefused if there is no such
        peer."""
        self._ask("POST", f"rooms/{self.dialect}/{quote(self.id, safe='')}/kick", {"peer": peer})

    def _look(self) -> _Seen:
        # The list of peers is requested first, so that the verdicts are not older than the list.
        rooms = msgspec.convert(self._ask("GET", "rooms"), _Rooms).rooms
        found = next((each for each in rooms if (each.dialect, each.room) == (self.dialect, self.id)), None)
        present = [peer for peer in found.peers if not peer.away] if found is not None else []
        why = self.why()
        verdicts = {frozenset(verdict.sessions): verdict for verdict in why.verdicts}
        has_host = any(peer.host for peer in present)
        needed = [pair for pair in combinations(present, 2) if not has_host or pair[0].host or pair[1].host]
        on_them = [verdicts.get(frozenset((a.session, b.session))) or self._just_met(a, b) for a, b in needed]
        unconnected = [verdict for verdict in on_them if verdict.state is not State.CONNECTED]
        return _Seen(len(present), unconnected, why.rejections)

    def _just_met(self, one: _Peer, other: _Peer) -> VerdictObject:
        labels = (one.name or one.peer, other.name or other.peer)
        return VerdictObject(
            dialect=self.dialect,
            room=self.id,
            peers=(one.peer, other.peer),
            labels=labels,
            reason=Reason.IN_PROGRESS,
            signaling=Reason.IN_PROGRESS,
            sentence=f"{labels[0]} and {labels[1]}: {JUST_MET}",
            notes=(),
            next_step=None,
            earlier=(),
            evidence=(),
            state=State.TRYING,
            sessions=(one.session, other.session),
            together=True,
        )


def _expected(peers: int) -> str:
    return "1 peer was expected" if peers == 1 else f"{peers} peers were expected"


def _found(seen: _Seen, peers: int) -> str:
    if seen.present != peers:
        return f"but {_are(seen.present)} there"
    if not seen.unconnected:
        return "and they were connected, but only"
    return f"and {_are(seen.present)} there, but not all are connected"


def _are(count: int) -> str:
    return {0: "nobody is", 1: "1 is"}.get(count, f"{count} are")
