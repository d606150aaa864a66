"""Finds the difference between the clocks of a dump and a log, by the messages that both contain.

A page makes its own descriptions and candidates before the sidecar relays them, and uses the other side's descriptions
and candidates after the sidecar has relayed them. So each message that both contain gives an upper or a lower bound of
the difference, and the true value is between the two tightest bounds.

When a browser begins to record a connection that exists already, it writes the descriptions as if they were new. The
page has made and used them earlier, at an unknown time, so those that it made give no bound.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from itertools import takewhile
from typing import NamedTuple

from signaling_sidecar.counted import counted
from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.eventlog.payload import find_candidates, find_description, find_media
from signaling_sidecar.inspection.dumps.events import DumpEvent
from signaling_sidecar.inspection.dumps.reports import FOUND, LOCAL, REMOTE

_MADE = LOCAL | FOUND | {"createOfferOnSuccess", "createAnswerOnSuccess"}
_USED = REMOTE | {"addIceCandidate"}
# These states follow the descriptions of a connection that existed before the recording. In no other connection do all
# three follow each other before the first `...OnSuccess`.
_CURRENT_STATES = ["signalingstatechange", "iceconnectionstatechange", "connectionstatechange"]
_ORIGIN = re.compile(r"^o=\S+ (\d+ \d+) ", re.MULTILINE)  # RFC 8866, 5.2: the id and version of a description


class Clock(NamedTuple):
    """The difference that must be added to a dump's times to get the log's times (seconds)."""

    matches: int
    """The number of messages that both contain."""
    at_least_s: float | None
    """The lower bound, from messages that the page used, or None if the log contains no such message."""
    at_most_s: float | None
    """The upper bound, from messages that the page made, or None if the log contains no such message."""

    @property
    def is_contradictory(self) -> bool:
        """Whether the bounds contradict each other, because a clock was set meanwhile or is inaccurate."""
        return self.at_least_s is not None and self.at_most_s is not None and self.at_least_s > self.at_most_s

    @property
    def offset_s(self) -> float:
        """The middle of the two bounds. If a bound is missing, the offset is the possible value that is nearest to
        0."""
        if self.at_least_s is not None and self.at_most_s is not None:
            return (self.at_least_s + self.at_most_s) / 2
        return max(self.at_least_s, 0.0) if self.at_least_s is not None else min(self.at_most_s or 0.0, 0.0)

    @property
    def uncertainty_s(self) -> float | None:
        """How far the true value may be from `offset_s`, or None if a bound is missing."""
        if self.at_least_s is None or self.at_most_s is None:
            return None
        return abs(self.at_most_s - self.at_least_s) / 2

    def __str__(self) -> str:
        if not self.matches:
            return "clock not aligned, because the log contains none of its messages"
        by = counted(self.matches, "message")
        if self.at_least_s is None and self.at_most_s is None:
            return f"clock not aligned, because the recording began after {by} that the log contains too"
        if self.uncertainty_s is None:
            bound = f"least {self.at_least_s:+.4f}" if self.at_least_s is not None else f"most {self.at_most_s:+.4f}"
            return f"clock {self.offset_s:+.4f} s, known only to be at {bound} s, by {by}"
        aligned = f"clock {self.offset_s:+.4f} s ± {self.uncertainty_s:.4f} s, by {by}"
        if self.is_contradictory:
            return f"{aligned} that contradict each other: a clock was set meanwhile, or is inaccurate"
        return aligned


def compare_clocks(events: Sequence[DumpEvent], relayed: Iterable[Entry]) -> Clock:
    """Match the messages that the pages of a dump made and used with the `signal.relayed` entries of a log."""
    relays = _first_times(
        (each.ts, key) for each in relayed for key in _keys((each.data or "").encode(), is_dump=False)
    )
    own = list(_named(events, _MADE))
    earlier = _made_before_the_recording(events)
    made = _first_times((each.ts, key) for each, key in own if each.number not in earlier)
    used = _first_times((each.ts + each.within_s, key) for each, key in _named(events, _USED))
    at_most = [relays[key] - ts for key, ts in made.items() if key in relays]
    at_least = [relays[key] - ts for key, ts in used.items() if key in relays]
    return Clock(
        len(({key for _, key in own} | used.keys()) & relays.keys()),
        max(at_least, default=None),
        min(at_most, default=None),
    )


def _made_before_the_recording(events: Sequence[DumpEvent]) -> set[int]:
    """Return the numbers of the local descriptions of connections that existed before the recording began."""
    updates: dict[str | None, list[DumpEvent]] = {}
    for event in events:
        if event.name not in ("create", "getStats", "download"):
            updates.setdefault(event.connection, []).append(event)
    found: set[int] = set()
    for of_connection in updates.values():
        described = list(takewhile(lambda each: each.name in LOCAL | REMOTE, of_connection))
        after = of_connection[len(described) : len(described) + len(_CURRENT_STATES)]
        if [each.name.removeprefix("on") for each in after] == _CURRENT_STATES:
            found.update(each.number for each in described if each.name in LOCAL)
    return found


def _named(events: Sequence[DumpEvent], names: Set[str]) -> Iterator[tuple[DumpEvent, Hashable]]:
    return ((each, key) for each in events if each.name in names for key in _keys(each.json, is_dump=True))


def _first_times(times: Iterable[tuple[float, Hashable]]) -> dict[Hashable, float]:
    first: dict[Hashable, float] = {}
    for ts, key in times:
        first[key] = min(ts, first.get(key, ts))
    return first


def _keys(payload: bytes, *, is_dump: bool) -> Iterator[Hashable]:
    """Yield keys that identify the description or the candidates in a payload."""
    media = find_media(payload)
    if media.ufrag is not None and media.description_bytes is not None:
        origin = _ORIGIN.search(find_description(payload) or "")
        if origin is not None:
            yield media.ufrag, origin[1]
        if origin is None or is_dump:
            yield media.ufrag, None  # matches a log with `payloads = "summary"`, which has only the ufrag
    yield from (each for each in find_candidates(payload) if each.ufrag is not None and each.address is not None)
