"""Pages whose signaling went another way than by this sidecar: pairs by nothing but what they reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting, Stay
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.reports import Connection, Connections
from signaling_sidecar.diagnosis.sockets import Sockets

POOL = (
    2  # unanswered offers of a page, beside one that was answered: so many are kept in reserve, not meant for anybody
)


class Reserve(NamedTuple):
    """Offers that a page made in advance, as libraries with a pool of connections do: some are used, others wait."""

    page: str
    """What it is called."""
    offers: int


class Pages:
    """Puts together the connections of two pages that name each other's ufrags."""

    def __init__(self, connections: Connections, sockets: Sockets) -> None:
        self._all, self._sockets = connections, sockets
        self._labels = PeerLabels("page")
        self._came_ts: dict[str, float] = {}
        """By page, when it was first heard of (seconds since the epoch)."""
        self.reserves: list[Reserve] = []
        """Filled by `meetings`."""

    def meetings(self, connections: list[Connection]) -> Iterator[Meeting]:
        """Yield the pairs, and for each page without any what became of its offers: all of them are one attempt."""
        # One that never began to negotiate was made to see what the browser can do.
        begun = [each for each in connections if each.ufrags]
        for each in begun:
            self._learn(each)
        alone: dict[str, list[Connection]] = {}
        answered: set[str] = set()
        for one, other in _paired(begun):
            if other is None and not one.remote_ufrags:
                alone.setdefault(_page_of(one), []).append(one)
                continue
            answered |= {_page_of(each) for each in (one, other) if each is not None}
            pair = sorted(filter(None, (one, other)), key=lambda each: self._came_ts[_page_of(each)])
            yield self._meeting(pair[:1], pair[1:])
        yield from self._unanswered(alone, answered)

    def _unanswered(self, by_page: dict[str, list[Connection]], answered: set[str]) -> Iterator[Meeting]:
        for page, offered in by_page.items():
            if page in answered and len(offered) >= POOL:
                if self._gone(offered) is None:
                    self.reserves.append(Reserve(self._labels.of(page), len(offered)))
            else:
                yield self._meeting(offered, [])

    def _meeting(self, own: list[Connection], others: list[Connection]) -> Meeting:
        # One of a pool may be much older than what it met.
        began = max((each[0].reports[0][0] for each in (own, others) if each), key=lambda entry: entry.ts)
        stays = (self._stay_of(own, began), self._stay_of(others, began))
        return Meeting(None, None, stays, began, connections=(own, others))

    def _stay_of(self, connections: list[Connection], began: Entry) -> Stay:
        if not connections:
            return Stay("", "", "somebody", began, label="somebody")
        page, gone = _page_of(connections[0]), self._gone(connections)
        label = self._labels.of(page)
        return Stay(
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


def _paired(connections: list[Connection]) -> Iterator[tuple[Connection, Connection | None]]:
    """Each connection with the one that it names, or that names it: one of two may not have reported it yet."""
    by_ufrag = {ufrag: each for each in connections for ufrag in each.ufrags}
    by_remote = {ufrag: each for each in connections for ufrag in each.remote_ufrags}
    done: set[str] = set()
    for one in connections:
        if one.id in done:
            continue
        done.add(one.id)
        found = (*map(by_ufrag.get, one.remote_ufrags), *map(by_remote.get, one.ufrags))
        other = next((each for each in found if each is not None and each.id not in done), None)
        if other is not None:
            done.add(other.id)
        yield one, other
