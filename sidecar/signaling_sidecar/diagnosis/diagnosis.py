"""A log's verdicts in words: the same in the terminal, on the status page and in a notebook."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from signaling_sidecar.diagnosis.advice import next_step
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Rejection
from signaling_sidecar.diagnosis.meetings import JOIN_WORDS, Met, find_meetings
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.verdicts import Verdict, judge
from signaling_sidecar.foreign_text import visible

SIGNS = {
    Reason.CONNECTED: "✓",
    Reason.UNKNOWN: "?",
    Reason.UNRECOGNISED: "?",
    Reason.IN_PROGRESS: "…",
    Reason.NOBODY_OFFERED: "-",
}
FAULT = "✗"


@dataclass(frozen=True)
class Diagnosis:
    """Whether those who met are connected, and if not why."""

    verdicts: Sequence[Verdict]
    rejections: Sequence[Rejection]
    """Who was not let into a room, or made an offer to nobody there."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _lines(self) -> Iterator[str]:
        rooms = dict.fromkeys((verdict.meeting.dialect, verdict.meeting.room) for verdict in self.verdicts)
        if not rooms and not self.rejections:
            yield "nobody has met anybody"
        for key in rooms:
            yield f"{visible(key[1])} ({key[0]})" if key[1] is not None else "signaled elsewhere"
            for verdict in self.verdicts:
                if (verdict.meeting.dialect, verdict.meeting.room) == key:
                    yield from _lines_of(verdict)
        for (line, step), times in Counter(map(_rejected, self.rejections)).items():
            yield f"{FAULT} {line}{f', {times} times' if times > 1 else ''}"
            if step is not None:
                yield f"    → {step}"


def diagnose(entries: Iterable[Entry], now_ts: float | None = None, room: str | None = None) -> Diagnosis:
    """Judge every pair of a log, or of one room. `now_ts`: seconds since the epoch; None: the log's end."""
    met: Met = find_meetings(entries)
    until_ts = met.last_ts if now_ts is None else now_ts
    verdicts = [judge(each, until_ts) for each in met.meetings if room in (None, each.room)]
    return Diagnosis(verdicts, [each for each in met.rejections if room in (None, each.entry.room)])


def _lines_of(verdict: Verdict) -> Iterator[str]:
    finding = verdict.finding
    yield f"  {SIGNS.get(finding.reason, FAULT)} {visible(verdict.sentence)}"
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
