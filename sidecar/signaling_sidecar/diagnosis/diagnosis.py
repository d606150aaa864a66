"""A log's verdicts in words: the same in the terminal, on the status page and in a notebook."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from signaling_sidecar.diagnosis.advice import next_step
from signaling_sidecar.diagnosis.elsewhere import Reserve
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Rejection
from signaling_sidecar.diagnosis.meetings import JOIN_WORDS, Met, find_meetings
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.verdicts import Verdict, judge
from signaling_sidecar.untrusted_text import visible

SIGNS = {
    Reason.CONNECTED: "✓",
    Reason.UNKNOWN: "?",
    Reason.UNRECOGNISED: "?",
    Reason.IN_PROGRESS: "…",
    Reason.NOBODY_OFFERED: "-",
}
FAULT = "✗"


class History(NamedTuple):
    """Two who met, perhaps more than once: a page that is loaded again often is another session."""

    last: Verdict
    earlier: Sequence[Verdict]


@dataclass(frozen=True)
class Diagnosis:
    """Whether those who met are connected, and if not why."""

    verdicts: Sequence[Verdict]
    """One for each time that two met."""
    rejections: Sequence[Rejection]
    """Who was not let into a room, or made an offer to nobody there."""
    reserves: Sequence[Reserve] = ()
    """Pages with offers that wait to be answered, beside those that were."""

    @cached_property
    def histories(self) -> Sequence[History]:
        """One for each two, in the order in which they first met."""
        found: dict[tuple[object, ...], list[list[Verdict]]] = {}
        for verdict in self.verdicts:
            stories = found.setdefault(verdict.meeting.pair, [])
            began_ts = verdict.meeting.met.ts
            story = next((each for each in stories if each[-1].meeting.is_over_by(began_ts)), None)
            if story is None:
                stories.append([verdict])
            else:
                story.append(verdict)
        return [History(last, earlier) for stories in found.values() for *earlier, last in stories]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _lines(self) -> Iterator[str]:
        rooms: dict[tuple[str | None, str | None], list[History]] = {}
        for history in self.histories:
            rooms.setdefault((history.last.meeting.dialect, history.last.meeting.room), []).append(history)
        if not rooms and not self.rejections:
            yield "nobody has met anybody"
        for (dialect, room), histories in rooms.items():
            yield f"{visible(room)} ({dialect})" if room is not None else "signaled elsewhere"
            for history in histories:
                yield from _lines_of(history)
        for page, offers in self.reserves:
            yield f"  - {visible(page)}: {offers} more offers wait for an answer, as of a library with a pool of them"
        for (line, step), times in Counter(map(_rejected, self.rejections)).items():
            yield f"{FAULT} {line}{f', {times} times' if times > 1 else ''}"
            if step is not None:
                yield f"    → {step}"


def diagnose(entries: Iterable[Entry], now_ts: float | None = None, room: str | None = None) -> Diagnosis:
    """Judge every pair of a log, or of one room. `now_ts`: seconds since the epoch; None: the log's end."""
    met: Met = find_meetings(entries)
    until_ts = met.last_ts if now_ts is None else now_ts
    verdicts = [judge(each, until_ts) for each in met.meetings if room in (None, each.room)]
    rejections = [each for each in met.rejections if room in (None, each.entry.room)]
    return Diagnosis(verdicts, rejections, met.reserves if room is None else ())


def _lines_of(history: History) -> Iterator[str]:
    verdict, finding = history.last, history.last.finding
    yield f"  {SIGNS.get(finding.reason, FAULT)} {visible(verdict.sentence)}"
    if history.earlier:
        reasons = Counter(each.finding.reason for each in history.earlier)
        said = ", ".join(reason if count == 1 else f"{reason} ({count} times)" for reason, count in reasons.items())
        times = "once" if len(history.earlier) == 1 else f"{len(history.earlier)} times"
        yield f"      they had met {times} before: {said}"
    if finding.reason is not Reason.CONNECTED:
        for note in verdict.notes:
            yield f"      {visible(note)}"
        if verdict.next_step is not None:
            yield f"      → {verdict.next_step}"
        yield f"      {finding.reason}; records: {', '.join(map(_record, finding.evidence))}"


def _rejected(rejection: Rejection) -> tuple[str, str | None]:
    entry, who = rejection.entry, visible(rejection.who)
    was_joining = entry.kind in JOIN_WORDS
    what = f"{who} was not let into {visible(entry.room or '')}" if was_joining else f"the offer of {who} was refused"
    step = next_step(Reason.REFUSED, rejection.code)
    return f"{what}: {rejection.code} ({visible(rejection.message)})", step


def _record(entry: Entry) -> str:
    """As `sidecar tail` and the tables number it."""
    return f"{entry.seq} {visible(entry.kind or entry.type)}"
