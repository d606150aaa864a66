"""Labels for the peers of one room, by which people can recognise them. No two peers have the same label.

1. The label of a peer is its name, unless that is long and random. A peer without such a name has its id as label if a
   person has chosen the id, such as "user-1". If the id is random, the label is the title or the path of its page.
   Without a title and a path, the label is the id if the id is short, and otherwise "tab 1", "tab 2" and so on, in
   order of joining.
2. If rule 1 gives several peers the same label, the first keeps it, and the others get a number. This happens if the
   tabs of one browser share the name of the device, or if an app calls every peer "Guest".
3. Some apps make a new id at each page load. So a peer that joins soon after another peer with the same label has left
   is treated as the same peer, and gets its label. A peer whose page was unloaded counts as having left, although its
   session is kept for some seconds. A peer that is away for another reason does not count as having left, because it
   may meet the new peer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from itertools import count

from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.diagnosis.reports import Report, read_report

RELOADED_WITHIN_S = 30.0  # the longest time of a reload; by default, the sidecar keeps a lost session for as long
_WORD = "([a-z]+[0-9]{0,4}|[0-9]{1,8})"  # a person may have chosen a text of such words, as in `quiz-host-room-0042`
_LONG_RANDOM = re.compile(
    r"[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    rf"|(?!{_WORD}([-_]{_WORD})+$)(?=.*[0-9])(?=.*[a-z])[a-z0-9_-]{{20,}}",
    re.IGNORECASE,
)
_SHORT_RANDOM = re.compile(r"(?=.{8})([a-z]*[0-9]+[a-z]+){2,}[0-9]*")  # as `Math.random().toString(36)` makes them


class PeerLabels:
    """The labels of the peers of one room, or of pages outside of all rooms. Times are in seconds since the epoch."""

    def __init__(self, unnamed: str = "tab") -> None:
        self._unnamed = unnamed
        self._names: dict[str, str] = {}
        """The names by peer id, in order of joining. Here, a peer without a name has an empty name."""
        self._pages: dict[str, Report] = {}
        self._pages_of_connections: Mapping[str, Report] = {}
        self._came_ts: dict[str, float] = {}
        self._gone_ts: dict[str, float] = {}
        self._labels: dict[str, str] | None = None
        self._firsts: dict[str, str] = {}

    @property
    def peers(self) -> Collection[str]:
        """The ids of all peers that were in the room, in order of joining."""
        return self._names.keys()

    def take(self, type_: str, ts: float, peer: str, data: str | None) -> None:
        """Process a record of a peer that joined, left or has a new name, or whose page reported its title."""
        if type_ == "trace.state":
            report = read_report(data)
            if report is not None and report.pc is None:
                self.page(peer, ts, report)
        elif type_ == "peer.left" or (type_ == "peer.away" and read_about(data).ending == "unloaded"):
            self.gone(peer, ts)
        elif type_.startswith("peer."):
            self.name(peer, ts, read_about(data).name)

    def name(self, peer: str, ts: float, name: str | None) -> None:
        """Process a record that shows a peer in the room. If `name` is None, the peer keeps its earlier name."""
        self._came_ts.setdefault(peer, ts)
        self._gone_ts.pop(peer, None)
        if name is not None or peer not in self._names:
            self._names[peer] = (name or "").strip()
        self._labels = None

    def page(self, peer: str, ts: float, report: Report) -> None:
        """Process the report of a peer's page about itself."""
        if peer not in self._names:
            self.name(peer, ts, None)
        self._pages[peer] = report
        self._labels = None

    def pages_of_connections(self, pages: Mapping[str, Report]) -> None:
        """Use these reports of pages, by peer id, instead of the reports from an earlier call. The reports were found
        through the RTCPeerConnections of the pages, and take precedence over the reports that `page` has received."""
        if pages != self._pages_of_connections:
            self._pages_of_connections = pages
            self._labels = None

    def gone(self, peer: str, ts: float) -> None:
        """Process the leave of a peer, or the unload of its page. The peer may have joined before the log begins."""
        if peer not in self._names:
            self._names[peer], self._came_ts[peer] = "", -math.inf
        self._gone_ts.setdefault(peer, ts)
        self._labels = None

    def of(self, peer: str) -> str:
        """Return the label of a peer. The label of an unknown peer is its id."""
        return self._all().get(peer, peer)

    def beside_id(self, peer: str) -> str | None:
        """Return the label to show beside the peer id, or None if the label is the id itself."""
        label = self.of(peer)
        return label if self._names.get(peer) or label != peer else None

    def first_of(self, peer: str) -> str:
        """Return the first id of a peer. It differs from `peer` if rule 3 has found that the peer had another id."""
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
                # `others` are only the peers that may still return: in a room that is open for days, most have left
                # long ago.
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
        """Return the peer with the same label that left just before this peer joined, or None."""
        waits = ((self._came_ts[peer] - self._gone_ts.get(other, math.inf), other) for other in others)
        lately = [(wait_s, other) for wait_s, other in waits if 0 <= wait_s <= RELOADED_WITHIN_S]
        return min(lately)[1] if lately else None

    def _new_label(self, wanted: str | None, numbered: str, taken: set[str], first: int) -> tuple[str, int]:
        """Return the first label that is not taken, and its number. Numbers below `first` are known to be taken."""
        number = next(each for each in count(first) if self._label(wanted, numbered, each) not in taken)
        return self._label(wanted, numbered, number), number

    def _label(self, wanted: str | None, numbered: str, number: int) -> str:
        if wanted is None:
            return f"{self._unnamed} {number}"
        return wanted if number == 1 else f"{wanted} ({numbered}{number})"

    def _wanted(self, peer: str) -> tuple[str | None, str]:
        """Return the label of a peer without a number, and the word to write before a number if several peers would
        have this label."""
        if self._names[peer] and not _LONG_RANDOM.fullmatch(self._names[peer]):
            return self._names[peer], ""
        is_long = _LONG_RANDOM.fullmatch(peer) is not None
        if self._unnamed == "tab" and not is_long and not _SHORT_RANDOM.fullmatch(peer):
            return peer, ""
        page = self._pages_of_connections.get(peer) or self._pages.get(peer)
        if page is not None and (page.title or page.path):
            return page.title or f"page {page.path}", "tab "
        if is_long:
            return None, ""
        return peer if self._unnamed == "tab" else f"{self._unnamed} {peer}", ""
