"""Evaluate all peers in a log, and write the verdicts as text for the terminal, the status page and the notebooks."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from signaling_sidecar.counted import counted
from signaling_sidecar.diagnosis.advice import ADVICE, WITHOUT_OFFER, next_step
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.external_signaling import OfferPool
from signaling_sidecar.diagnosis.meeting import Meeting, Rejection
from signaling_sidecar.diagnosis.meetings import FoundMeetings, find_meetings
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.refused_media import RefusedMedia
from signaling_sidecar.diagnosis.state import state_of
from signaling_sidecar.diagnosis.verdicts import Evaluate, Verdict, Verdicts, evaluate
from signaling_sidecar.pair_state import SIGNS, State
from signaling_sidecar.untrusted_text import visible

NO_OFFER = "-"
MAX_SILENT_PAIRS = 3  # if more pairs than this have sent no offer, only the first is listed, and the others are counted
MAX_PAIRS_ALIKE = 6  # the same limit for every other verdict; the inspector has this limit too (`FOLDED_FROM`)
MAX_PAIRS_NAMED = 12  # the most pairs that a summary names; it names no pairs that are connected or have sent no offer


class History(NamedTuple):
    """The verdicts on all meetings of two peers. There may be several meetings, because a reload may begin a new
    session."""

    last: Verdict
    earlier: Sequence[Verdict]


@dataclass(frozen=True)
class Diagnosis:
    """The verdicts on all peers that met: whether they are connected, and why not."""

    verdicts: Sequence[Verdict]
    """One verdict for each meeting of two sessions."""
    rejections: Sequence[Rejection]
    """The refused joins and clients, and the refused offers that were not for a peer in the room."""
    pools: Sequence[OfferPool] = ()
    """The unanswered offers of pages that also have an answered offer."""
    unread: Sequence[tuple[str, str]] = ()
    """The rooms, by dialect and room id, whose signals cannot be read, so that it is unknown who met in them."""
    room: str | None = None
    """The id of the room that the diagnosis is about, or None if it is about all rooms."""
    idle_pages: int = 0
    """The number of pages in no room that have an RTCPeerConnection, and have made no offer and received none."""
    refused_media: Sequence[RefusedMedia] = ()
    """The pages that got no camera, microphone or screen. It is unknown in which rooms they are."""

    def is_connected(self, *, is_live: bool) -> bool:
        """Whether at least two peers that should connect are in a room together, and all such pairs are connected.

        In a finished log (`is_live` is false) all peers may have left. Then the last verdict on each pair counts.
        """
        pairs = [each.last for each in self.histories if each.last.must_connect]
        together = [verdict for verdict in pairs if verdict.meeting.parted() is None]
        counted = together if is_live else together or pairs
        return bool(counted) and all(verdict.finding.reason is Reason.CONNECTED for verdict in counted)

    @property
    def changes_ts(self) -> float:
        """The next time at which a verdict may change without a new record, because a deadline passes."""
        return min((verdict.changes_ts for verdict in self.verdicts), default=math.inf)

    def only(self, room: str | None, dialect: str | None) -> Diagnosis:
        """Return the part of this diagnosis that is about the rooms with the given id and dialect."""
        selection = _Selection(room, dialect, self.unread)
        return Diagnosis(
            [each for each in self.verdicts if selection.has_meeting(each.meeting)],
            [each for each in self.rejections if selection.has(each.entry)],
            self.pools if selection.has_reports else (),
            selection.unread,
            room,
            self.idle_pages if selection.has_reports else 0,
            self.refused_media if selection.has_reports else (),
        )

    @cached_property
    def histories(self) -> Sequence[History]:
        """One history for every two peers, in the order in which they first met."""
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
        if not rooms and not self.rejections and not self.unread:
            yield f"no two peers have met in {'a room' if self.room is None else f'the room {visible(self.room)}'}"
            if self.idle_pages:
                by = counted(self.idle_pages, "page")
                yield f"  {NO_OFFER} no offer was made or received by {by} with an RTCPeerConnection"
                yield f"      → {WITHOUT_OFFER}"
        for key in self.unread:
            yield from _lines_of_unread(*key, has_reports=(None, None) in rooms)
        with_boots = len({entry.boot for each in self.histories for entry in each.last.finding.evidence}) > 1
        elsewhere = "signaled through another server" + (", or in a form that cannot be read" if self.unread else "")
        for (dialect, room), histories in rooms.items():
            yield visible(f"{room} ({dialect})") if room is not None else elsewhere
            yield from _lines_of_room(histories, with_boots=with_boots)
        for page, offers in self.pools:
            yield f"  - {visible(page)}: {offers} more offers await an answer (its library may keep a pool of offers)"
        refused = Counter((each.sentence, each.next_step) for each in self.rejections)
        for (sentence, step), times in refused.items():
            yield f"{SIGNS[State.FAILED]} {visible(sentence)}{f', {times} times' if times > 1 else ''}"
            if step is not None:
                yield f"    → {step}"
        media = Counter((each.sentence, each.next_step) for each in self.refused_media)
        for (sentence, step), times in media.items():
            yield f"{SIGNS[State.UNKNOWN]} {visible(sentence)}{f', {times} times' if times > 1 else ''}"
            yield f"    → {step}"


def diagnose(
    entries: Iterable[Entry], now_ts: float | None = None, room: str | None = None, dialect: str | None = None
) -> Diagnosis:
    """Evaluate every two peers that met, in all rooms or in those with the given id and dialect.

    For a running sidecar, `now_ts` is the current time (seconds since the epoch). For a finished log it is None, and
    the verdicts are those at the time of the last record.
    """
    return judge(find_meetings(entries), now_ts, room, dialect)


def judge(
    found: FoundMeetings,
    now_ts: float | None = None,
    room: str | None = None,
    dialect: str | None = None,
    evaluate: Evaluate = evaluate,
) -> Diagnosis:
    """Do the same as `diagnose` for meetings that were found before. The call may be repeated for the same meetings,
    because a verdict can change when time passes. `evaluate` evaluates one meeting.
    """
    until_ts = found.last_ts if now_ts is None else now_ts
    selection = _Selection(room, dialect, found.unread)
    judged = Verdicts(found.meetings, found.hosts, evaluate)
    of_pages_ts = max(until_ts, found.dumped_ts)  # a dump shows all that is known of pages outside of all rooms
    verdicts = [
        judged.on(each, of_pages_ts if each.room is None else until_ts)
        for each in found.meetings
        if selection.has_meeting(each)
    ]
    if now_ts is None:
        verdicts = [each._replace(is_cut_off=each.finding.reason is Reason.IN_PROGRESS) for each in verdicts]
    # What an earlier run has refused is of no interest for a running sidecar: the app may have been corrected since.
    rejections = [each for each in found.rejections if now_ts is None or each.entry.boot == found.last_boot]
    media = [
        each
        for each in found.refused_media
        if now_ts is None or (not each.is_gone and each.entry.boot == found.last_boot)
    ]
    return Diagnosis(verdicts, rejections, found.pools, found.unread, None, found.idle_pages, media).only(room, dialect)


class _Selection:
    """Selects the rooms with the given id and dialect. `unread` has all rooms whose signals cannot be read."""

    def __init__(self, room: str | None, dialect: str | None, unread: Iterable[tuple[str, str]]) -> None:
        self._room, self._dialect = room, dialect
        self.unread = [key for key in unread if dialect in (None, key[0]) and room in (None, key[1])]
        # If the signals of a room cannot be read, the log does not show which browser reports are about this room. So
        # all reports are shown.
        self.has_reports = bool(self.unread) or (room is None and dialect is None)

    def has(self, each: Meeting | Entry) -> bool:
        return self._room in (None, each.room) and self._dialect in (None, each.dialect)

    def has_meeting(self, meeting: Meeting) -> bool:
        return self.has(meeting) or (meeting.room is None and self.has_reports)


def _lines_of_unread(dialect: str, room: str, *, has_reports: bool) -> Iterator[str]:
    yield visible(f"{room} ({dialect})")
    yield (
        f"  {SIGNS[State.UNKNOWN]} the signals in this room are encrypted or in an unknown form, so only the "
        "reports of the browsers show who is connected"
    )
    if not has_reports:
        yield f"      → {next_step(Reason.UNRECOGNISED)}"


def _lines_of_room(histories: Sequence[History], *, with_boots: bool) -> Iterator[str]:
    # The pairs whose peers are both in the room now come first, because most users want to know about these.
    histories = sorted(histories, key=lambda each: each.last.meeting.parted() is not None)
    kinds: dict[object, list[History]] = {}
    for each in histories:
        finding = each.last.finding
        route = None
        if finding.reason is Reason.CONNECTED:
            route = finding.sentence if each.last.meeting.parted() is None else "was connected"
        kinds.setdefault((finding.reason, each.last.next_step, route), []).append(each)
    many = [alike for alike in kinds.values() if len(alike) > _most_listed(alike[0].last.finding.reason)]
    summarised = {id(each) for alike in many for each in alike[1:]}
    others = {id(alike[0]): alike[1:] for alike in many}
    for history in histories:
        if id(history) not in summarised:
            yield from lines_of(history, with_boots=with_boots)
        if id(history) in others:
            yield visible(_summary(others[id(history)]))


def _most_listed(reason: Reason) -> int:
    # In a room with a host, the other peers never connect to each other, and most pairs are pairs of such peers.
    return MAX_SILENT_PAIRS if reason is Reason.NOBODY_OFFERED else MAX_PAIRS_ALIKE


def _summary(alike: Sequence[History]) -> str:
    reason = alike[0].last.finding.reason
    sentences = {each.last.finding.sentence for each in alike}
    said = ADVICE[reason].meaning if len(sentences) > 1 else sentences.pop()
    line = f"  {_sign(reason)} {len(alike)} more pairs of peers: {said}{alike[0].last.end}"
    if met_before := sum(bool(each.earlier) for each in alike):
        line += f"; {met_before} of them had met before"
    if reason in (Reason.CONNECTED, Reason.NOBODY_OFFERED):
        return line
    pairs = [" and ".join(session.label for session in each.last.meeting.sessions) for each in alike]
    more = len(pairs) - MAX_PAIRS_NAMED
    return f"{line} ({'; '.join(pairs[:MAX_PAIRS_NAMED])}{f'; and {more} more' if more > 0 else ''})"


def _sign(reason: Reason) -> str:
    return NO_OFFER if reason is Reason.NOBODY_OFFERED else SIGNS[state_of(reason)]


def lines_of(history: History, *, with_boots: bool = False) -> Iterator[str]:
    """Yield the verdict on two peers as indented lines. The first line is the sentence of the verdict.

    If `with_boots` is true, the boot id is written after the number of each record, because each run of the sidecar
    (boot) numbers its records from 1.
    """
    verdict, finding = history.last, history.last.finding
    yield f"  {_sign(finding.reason)} {visible(verdict.sentence)}"
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
        records = (_record(entry, with_boot=with_boots) for entry in finding.evidence)
        yield f"      {finding.reason}; records: {', '.join(records)}"


def _record(entry: Entry, *, with_boot: bool) -> str:
    """Write a record as its `seq`, which the tables show too, and its kind."""
    boot = f" of {visible(entry.boot)}" if with_boot else ""
    return f"{entry.seq}{boot} {visible(entry.kind or entry.type)}"
