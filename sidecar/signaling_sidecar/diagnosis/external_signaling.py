"""Finds pairs of pages that signaled through another server, by the ICE ufrags that their browsers reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import dropwhile
from typing import NamedTuple

from signaling_sidecar.diagnosis.attempts import CROSSING_WITHIN_S
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting, Session
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S
from signaling_sidecar.diagnosis.reports import Connection, Connections
from signaling_sidecar.diagnosis.sockets import Sockets

# If a page has an answered offer and at least this many unanswered ones, the unanswered ones are treated as a pool that
# its library keeps for later peers.
POOL = 2


class OfferPool(NamedTuple):
    """Offers that a page made in advance, as libraries with a pool of connections do, and that are not used yet."""

    page: str
    """The label of the page."""
    offers: int


class ExternalPages:
    """Pairs the RTCPeerConnections of two pages if one of them has reported the ICE ufrag of the other."""

    def __init__(self, connections: Connections, sockets: Sockets) -> None:
        self._all, self._sockets = connections, sockets
        self._labels = PeerLabels("page")
        self._came_ts: dict[str, float] = {}
        """By page, the time of its first report (seconds since the epoch)."""
        self.pools: list[OfferPool] = []
        """Filled by `meetings`."""
        self.idle_pages = 0
        """The number of pages that have an RTCPeerConnection, and have made no offer and received none. Filled by
        `meetings`."""

    def meetings(self, connections: list[Connection]) -> Iterator[Meeting]:
        """Yield a `Meeting` of two pages for each RTCPeerConnection and, if it is known, the RTCPeerConnection at its
        other end. All unanswered offers of a page become a single `Meeting`, or an item of `pools`."""
        # Connections that never negotiate are ignored. Pages make them to find out what the browser supports. If a page
        # has received an offer and not made an answer, its connection has no ufrag of its own.
        offered = {ufrag for each in connections for ufrag in each.ufrags}
        begun = [each for each in connections if each.ufrags or offered & each.remote_ufrags.keys()]
        for each in begun:
            self._learn(each)
        waiting = {_page_of(each) for each in connections if self._end(each) is None}
        self.idle_pages = len(waiting - {_page_of(each) for each in begun})
        alone: dict[str, list[Connection]] = {}
        answered: set[str] = set()
        for one, other, is_shared in self._paired(begun):
            if other is None and not one.remote_ufrags:
                alone.setdefault(_page_of(one), []).append(one)
                continue
            answered |= {_page_of(each) for each in (one, other) if each is not None}
            pair = sorted(filter(None, (one, other)), key=lambda each: self._came_ts[_page_of(each)])
            meeting = self._meeting(pair[:1], pair[1:])
            if is_shared:
                meeting.shared = 1 - pair.index(one)
                meeting.connections[meeting.shared].clear()
            yield meeting
        for page in alone.keys() & answered:
            alone[page] = [each for each in alone[page] if not _is_given_up(each)]
        alone = {page: offered for page, offered in alone.items() if offered}
        ids = {each.id for each in begun}
        yield from self._unanswered(alone, answered, [each for each in connections if each.id not in ids])

    def _paired(self, connections: list[Connection]) -> Iterator[tuple[Connection, Connection | None, bool]]:
        """Yield each connection together with the connection at its other end, or with None. To pair them, it is enough
        if one of the two pages has reported the other's ufrag. The third value is true if the connection at the other
        end is in use for another pair."""
        by_ufrag = {ufrag: each for each in connections for ufrag in each.ufrags}
        by_remote = {ufrag: each for each in connections for ufrag in each.remote_ufrags}
        ends: dict[str, Connection | None] = {}
        """By the id of a connection, the connection with which it was paired."""
        for one in connections:
            if one.id in ends:
                continue
            found = (*map(by_ufrag.get, one.remote_ufrags), *map(by_remote.get, one.ufrags))
            known = [each for each in found if each is not None]
            other = next((each for each in known if each.id not in ends), None)
            ends[one.id] = other
            if other is not None:
                ends[other.id] = one
                yield one, other, False
            elif not known:
                yield one, None, False
            elif self._is_in_use(known[0], ends[known[0].id], one):
                yield one, known[0], True
            else:
                yield one, _used_for(known[0], one), False

    def _is_in_use(self, shared: Connection, first: Connection | None, second: Connection) -> bool:
        """Whether `shared`, which was paired with `first`, cannot be the other end of `second` too.

        After a page was reloaded, the other page may use its RTCPeerConnection again."""
        if second.when("connection", "connected"):
            return False
        if not shared.remote_ufrags.keys() & second.ufrags.keys():
            return True
        end = self._end(first) if first is not None else None
        return end is None or end.ts > second.reports[0][0].ts

    def _unanswered(
        self, by_page: dict[str, list[Connection]], answered: set[str], others: list[Connection]
    ) -> Iterator[Meeting]:
        pools = [page for page, offered in by_page.items() if page in answered and len(offered) >= POOL]
        for page in pools:
            offered = by_page.pop(page)
            if self._gone(offered) is None:
                self.pools.append(OfferPool(self._labels.of(page), len(offered)))
        waiting = [each for each in by_page.values() if self._end(each[-1]) is None]
        crossing = waiting if len(waiting) == 2 and _cross(*waiting) else []
        if crossing:
            yield self._meeting(*crossing)
        for page, offered in by_page.items():
            if offered in crossing:
                continue
            refused = [each for each in others if each.page != page and _has_refused(each, offered[0])]
            for each in refused[-1:]:
                self._learn(each)
            yield self._meeting(offered, refused[-1:])

    def _meeting(self, own: list[Connection], others: list[Connection]) -> Meeting:
        # The meeting begins with the first report of the later connection. The other connection may be much older,
        # because some libraries make a pool of connections in advance.
        began = max((each[0].reports[0][0] for each in (own, others) if each), key=lambda entry: entry.ts)
        sessions = (self._session_of(own, began), self._session_of(others, began))
        meeting = Meeting(None, None, sessions, began, connections=(own, others))
        if meeting.is_of_one_page:
            sessions[1].label += " (same page)"
        return meeting

    def _session_of(self, connections: list[Connection], began: Entry) -> Session:
        if not connections:
            return Session("", "", None, began, label="an unknown peer")
        page, gone = _page_of(connections[0]), self._gone(connections)
        label = self._labels.of(page)
        return Session(
            connections[0].id,
            connections[0].page or "",
            label,
            began,
            label=label,
            gone=gone,
            identity=self._labels.first_of(page),
        )

    def _gone(self, connections: list[Connection]) -> Entry | None:
        return self._sockets.goodbye(connections[0].reports[-1][0])

    def _end(self, connection: Connection) -> Entry | None:
        """Return the entry which shows that the page closed the connection, or was closed itself."""
        return next(iter(connection.when("event", "closed")), None) or self._gone([connection])

    def _learn(self, connection: Connection) -> None:
        page = _page_of(connection)
        began_ts = connection.reports[0][0].ts
        self._came_ts.setdefault(page, began_ts)
        self._labels.name(page, began_ts, None)
        about = self._all.pages.get(page)
        if about is not None:
            self._labels.page(page, began_ts, about)
        gone = self._gone([connection])
        if gone is not None:
            self._labels.gone(page, gone.ts)


def _page_of(connection: Connection) -> str:
    return connection.page or connection.id


def _is_given_up(connection: Connection) -> bool:
    """Whether the page closed the connection before there was time for an answer."""
    until_ts = connection.reports[0][0].ts + SIGNALING_WITHIN_S
    return any(entry.ts < until_ts for entry in connection.when("event", "closed"))


def _cross(one: list[Connection], other: list[Connection]) -> bool:
    """Whether two pages have made offers at about the same time, so each probably ignores the offer of the other."""
    return abs(one[-1].reports[0][0].ts - other[-1].reports[0][0].ts) < CROSSING_WITHIN_S


def _has_refused(connection: Connection, offered: Connection) -> bool:
    """Whether setRemoteDescription has failed soon after `offered` was made, and was probably called with its offer."""
    made_ts = offered.reports[0][0].ts
    errors = [entry for entry in connection.when("operation", "setRemoteDescription") if entry.ts >= made_ts]
    return any(entry.ts < made_ts + SIGNALING_WITHIN_S for entry in errors)


def _used_for(shared: Connection, other: Connection) -> Connection:
    """Return a copy of `shared` without the reports from before its page had a description of `other`."""
    since = dropwhile(lambda each: each[1].remote_ufrag not in other.ufrags, shared.reports)
    return replace(shared, reports=list(since) or shared.reports[-1:])
