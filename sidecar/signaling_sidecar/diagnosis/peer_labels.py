"""What to call the peers of one room, so that a person knows who is meant and no two are called the same.

1. A peer is called by its name. Without one it is called by its id if a person has chosen that, such as "user-1". An id
   that a machine has made tells nobody anything: then it is called by the title or the path of its page. Without those
   it is called by its id if that is short, else "tab 1", "tab 2" … in order of coming.
2. Of those that would be called the same, the first to come keeps the name, and the others get a number: tabs of one
   browser share a device's name, and an app may call everybody "Guest".
3. An app may make a new id at each load of its page. So who comes soon after another of the same name has gone is taken
   for that one, and is called the same.
"""

from __future__ import annotations

import math
import re
from itertools import count

from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.diagnosis.reports import Report, read_report

RELOADED_WITHIN_S = 30.0  # seconds that a page may take to come again: as long as the sidecar keeps the place of a peer
_LONG_RANDOM = re.compile(
    r"[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{20,}",
    re.IGNORECASE,
)
_SHORT_RANDOM = re.compile(r"(?=.{8})([a-z]*[0-9]+[a-z]+){2,}[0-9]*")  # as `Math.random().toString(36)` makes them


class PeerLabels:
    """The peers of one room, or the pages whose signaling went another way. Times are in seconds since the epoch."""

    def __init__(self, unnamed: str = "tab") -> None:
        self._unnamed = unnamed
        self._names: dict[str, str] = {}
        """By id, in order of coming; empty: it has none."""
        self._pages: dict[str, Report] = {}
        self._came_ts: dict[str, float] = {}
        self._gone_ts: dict[str, float] = {}
        self._labels: dict[str, str] | None = None
        self._firsts: dict[str, str] = {}

    def take(self, type_: str, ts: float, peer: str, data: str | None) -> None:
        """Learn from a record of one of them: it came, went, has another name, or its page said what it is."""
        if type_ == "trace.state":
            report = read_report(data)
            if report is not None and report.pc is None:
                self.page(peer, ts, report)
        elif type_ in ("peer.away", "peer.left"):
            self.gone(peer, ts)
        elif type_.startswith("peer."):
            self.name(peer, ts, read_about(data).name)

    def name(self, peer: str, ts: float, name: str | None) -> None:
        """Learn of a peer that is there; None: it has not said (again) what it is called."""
        self._came_ts.setdefault(peer, ts)
        self._gone_ts.pop(peer, None)
        if name is not None or peer not in self._names:
            self._names[peer] = (name or "").strip()
        self._labels = None

    def page(self, peer: str, ts: float, report: Report) -> None:
        """Learn what its page says of itself."""
        if peer not in self._names:
            self.name(peer, ts, None)
        self._pages[peer] = report
        self._labels = None

    def gone(self, peer: str, ts: float) -> None:
        """Learn that it has gone, for now at least."""
        self._gone_ts.setdefault(peer, ts)
        self._labels = None

    def of(self, peer: str) -> str:
        """What to call it; one that nobody knows by its id."""
        return self._all().get(peer, peer)

    def beside_id(self, peer: str) -> str | None:
        """What to call it where its id is shown too; None: that is all there is."""
        label = self.of(peer)
        return label if self._names.get(peer) or label != peer else None

    def first_of(self, peer: str) -> str:
        """The id under which it was there first, as far as that can be told."""
        self._all()
        return self._firsts.get(peer, peer)

    def _all(self) -> dict[str, str]:
        if self._labels is None:
            self._labels, self._firsts = {}, {}
            taken: set[str] = set()
            alike: dict[str | None, list[str]] = {}
            numbers: dict[str | None, int] = {}
            for peer in self._names:
                wanted, numbered = self._wanted(peer)
                # Those who may still come again: of a room that is open for days few have gone just now.
                since_ts = self._came_ts[peer] - RELOADED_WITHIN_S
                others = [each for each in alike.get(wanted, []) if self._gone_ts.get(each, math.inf) >= since_ts]
                alike[wanted] = others
                before = self._predecessor(peer, others)
                if before is None:
                    self._firsts[peer] = peer
                    label, number = self._new_label(wanted, numbered, taken, numbers.get(wanted, 1))
                    self._labels[peer], numbers[wanted] = label, number
                    taken.add(self._labels[peer])
                else:
                    others.remove(before)
                    self._firsts[peer], self._labels[peer] = self._firsts[before], self._labels[before]
                others.append(peer)
        return self._labels

    def _predecessor(self, peer: str, others: list[str]) -> str | None:
        """Who of those that are called alike has gone just before it came."""
        waits = ((self._came_ts[peer] - self._gone_ts.get(other, math.inf), other) for other in others)
        lately = [(wait_s, other) for wait_s, other in waits if 0 <= wait_s <= RELOADED_WITHIN_S]
        return min(lately)[1] if lately else None

    def _new_label(self, wanted: str | None, numbered: str, taken: set[str], first: int) -> tuple[str, int]:
        """The first that nobody has, with its number; `first`: no smaller one is free."""
        number = next(each for each in count(first) if self._label(wanted, numbered, each) not in taken)
        return self._label(wanted, numbered, number), number

    def _label(self, wanted: str | None, numbered: str, number: int) -> str:
        if wanted is None:
            return f"{self._unnamed} {number}"
        return wanted if number == 1 else f"{wanted} ({numbered}{number})"

    def _wanted(self, peer: str) -> tuple[str | None, str]:
        """What it would be called if it were alone, and what stands before a number that tells it from another."""
        if self._names[peer]:
            return self._names[peer], ""
        is_long = _LONG_RANDOM.fullmatch(peer) is not None
        if self._unnamed == "tab" and not is_long and not _SHORT_RANDOM.fullmatch(peer):
            return peer, ""
        page = self._pages.get(peer)
        if page is not None and (page.title or page.path):
            return page.title or f"page {page.path}", "tab "
        if is_long:
            return None, ""
        return peer if self._unnamed == "tab" else f"{self._unnamed} {peer}", ""
