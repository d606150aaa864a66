"""One room for the inspector, drawn as in the terminal and in notebooks."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec

from signaling_sidecar.analysis.listed_room import listed_room, past_room
from signaling_sidecar.analysis.log_window import Logged
from signaling_sidecar.analysis.messages import Key, Range
from signaling_sidecar.analysis.overview import room_pairs
from signaling_sidecar.analysis.pairs_in_words import summary
from signaling_sidecar.analysis.seen import Seen, is_together
from signaling_sidecar.diagnosis import ADVICE, History, there_before, verdict_object, why
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.verdict_object import VerdictObject
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.drawing import OF_EVERY_TIMELINE, Ladder, RoomInLog, Timeline, attend
from signaling_sidecar.drawing.ladder.steps import Step
from signaling_sidecar.drawing.mesh.links import Links, Node, links_between
from signaling_sidecar.drawing.mesh.mesh import Mesh
from signaling_sidecar.hub.records import present
from signaling_sidecar.untrusted_text import visible

MAX_PARTED = 20  # verdicts are shown for at most this many pairs of peers that are no longer together
DATA_CHARACTERS = 300  # characters of a record in a table; more would not be visible in its row
_OF_TIMELINE = ("peer.", "room.", *OF_EVERY_TIMELINE)


class RoomView:
    """A room at the time of one look at the log. `state` is the room as the admin API describes it, or None if the room
    has ended."""

    def __init__(self, seen: Seen, key: Key, state: Mapping[str, Any] | None) -> None:
        self._seen, self._key, self._state = seen, key, state
        self._in_log = RoomInLog(*key, seen.boot)
        self._records = seen.of_room.get(key, ())
        self._before = there_before(seen.checkpoint_of.get(key) or seen.first_checkpoint, key, self._records)
        self._labels = seen.found.labels.get(key) or PeerLabels()
        self._histories = seen.histories.get(key, ())
        self._ladders: dict[object, Ladder] = {}

    # --- the whole room -----------------------------------------------------------------------------------------------

    def as_object(self, pair: tuple[str, str] | None, kinds: Collection[str]) -> dict[str, Any]:
        ladder, told = self.ladder(pair, kinds), list(map(self._verdict, self._told(pair)))
        return {
            "room": self._about(),
            "peers": [self._peer(peer) for peer in (self._state or {}).get("peers", [])],
            "verdicts": told,
            "meanings": {reason: ADVICE[reason].meaning for reason in {each.reason for each in told}},
            "rejections": why(self._seen.diagnosis.only(self._key[1], self._key[0])).rejections,
            "mesh": self._mesh().drawing(),
            "timeline": self._timeline(),
            "ladder": {
                "rows": len(ladder.steps),
                "rowPx": ladder.row_px,
                "widthPx": ladder.width_px,
                "head": ladder.head(),
                "cut": self._cut(),
            },
            "seq": self._seen.seq,
        }

    def _cut(self) -> str:
        """Say which records are missing at the beginning of the lists, or return an empty text if the lists are
        complete."""
        shown = [*self._before[:1], *self._records[:1]]
        if not shown or shown[0].type == "room.created":
            return ""
        return (
            f"Earlier records than #{shown[-1].seq} are not shown here. "
            "In a terminal, `sidecar ladder ROOM --all` shows them."
        )

    def _about(self) -> dict[str, Any]:
        if self._state is None:
            return past_room(self._key) | {"summary": "Everybody has left this room."}
        state, pairs = self._state, room_pairs(self._histories)
        without_signals = DIALECTS[self._key[0]].without_signals
        more = present(mode=state.get("mode"), rules=state.get("rules"), withoutSignals=without_signals)
        more |= {"capacity": state["capacity"], "createdAt": state["createdAt"]}
        return listed_room(state, pairs) | more | {"summary": summary(pairs, len(state["peers"]))}

    def _peer(self, peer: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: peer[name] for name in ("peer", "session", "away", "host", "joinedAt")}
        return {**shown, "label": self._label(peer)}

    def _label(self, peer: Mapping[str, Any]) -> str:
        return self._labels.beside_id(peer["peer"]) or peer.get("name") or peer["peer"]

    def _told(self, pair: tuple[str, str] | None) -> list[History]:
        """Select the verdicts on pairs whose peers are both still in the room, and the newest `MAX_PARTED` others."""
        chosen = [each for each in self._histories if pair is None or _is_of(each, pair)]
        parted = [each for each in chosen if not is_together(each)]
        return [*filter(is_together, chosen), *parted[: -MAX_PARTED - 1 : -1]]

    def _verdict(self, history: History) -> VerdictObject:
        """Return the verdict without its evidence from earlier runs. The lists show only records of this run, and a
        record of an earlier run may have the same number as one of them."""
        told = verdict_object(history)
        own = [each for each in told.evidence if each.boot == self._in_log.boot]
        return msgspec.structs.replace(told, evidence=own)

    def _mesh(self) -> Mesh:
        peers = (self._state or {}).get("peers", [])
        nodes = [Node(peer["peer"], self._label(peer), peer["away"]) for peer in peers]
        links = links_between([peer["session"] for peer in peers], (each.last for each in self._histories))
        now_ts = time.time()
        return Mesh(f"Room {self._key[1]} · {self._key[0]} · now", Links(nodes, links, 0.0, now_ts, 0.0))

    def _timeline(self) -> str:
        """Draw who was in the room at which time. Returns an empty text if the log has no records of the room yet."""
        if not self._records and not self._before:
            return ""
        since = self._records[0].seq if self._records else self._seen.seq + 1
        entries = (
            entry
            for entry in self._seen.entries
            if entry.boot == self._in_log.boot
            and entry.seq >= since
            and (self._is_own(entry) or entry.type.startswith(OF_EVERY_TIMELINE))
            and (entry.type.startswith(_OF_TIMELINE) or entry.type == "trace.state")
        )
        return Timeline(self._in_log.title, attend(chain(self._before, entries), time.time(), self._labels)).drawing()

    def _is_own(self, entry: Logged) -> bool:
        return (entry.dialect, entry.room) == self._key

    # --- its lists ----------------------------------------------------------------------------------------------------

    def ladder(self, pair: tuple[str, str] | None = None, kinds: Collection[str] = ()) -> Ladder:
        wanted = pair, tuple(sorted(kinds))
        if wanted not in self._ladders:
            between = None if pair is None else self._sessions_of(pair)
            records = [*self._before, *self._records] if pair is None or between is not None else []
            self._ladders[wanted] = Ladder(
                self._in_log.title, records, between=between, labels=self._labels, kinds=kinds
            )
        return self._ladders[wanted]

    def rows(self, asked: Range, pair: tuple[str, str] | None, kinds: Collection[str]) -> dict[str, Any]:
        ladder = self.ladder(pair, kinds)
        start = asked.start if asked.seq is None else max(ladder.row_of(asked.seq) - asked.length // 2, 0)
        rows = [row._asdict() for row in ladder.rows(start, asked.length)]
        return {"rows": rows, "total": len(ladder.steps), "first": _seq(ladder.steps), "seq": self._seen.seq}

    def records(self, asked: Range, pair: tuple[str, str] | None, type_: str, text: str) -> dict[str, Any]:
        found = [each for each in self._records if _matches(each, pair, type_, text.casefold())]
        start = asked.start
        if asked.seq is not None:
            before = sum(each.seq <= asked.seq for each in found)
            start = max(before - 1 - asked.length // 2, 0)
        shown = enumerate(found[start : start + asked.length], start)
        rows = [{"row": row, "seq": each.seq, "cells": _cells(each)} for row, each in shown]
        return {"rows": rows, "total": len(found), "first": _seq(found), "seq": self._seen.seq}

    def record(self, seq: int) -> Logged | None:
        return next((each for each in self._records if each.seq == seq), None)

    @property
    def all_records(self) -> Sequence[Logged]:
        return self._records

    def _sessions_of(self, pair: tuple[str, str]) -> tuple[str, str] | None:
        """Find the two sessions in which these peers were last in the room together."""
        meeting = next((each.last.meeting for each in reversed(self._histories) if _is_of(each, pair)), None)
        return None if meeting is None else (meeting.sessions[0].id, meeting.sessions[1].id)


def _is_of(history: History, pair: tuple[str, str]) -> bool:
    one, other = history.last.meeting.sessions
    return any(
        pair[0] in (first.peer, first.label) and pair[1] in (second.peer, second.label)
        for first, second in ((one, other), (other, one))
    )


def _matches(record: Logged, pair: tuple[str, str] | None, type_: str, text: str) -> bool:
    if pair is not None and not (record.peer in pair and (record.to is None or record.to in pair)):
        return False
    if type_ and not record.type.startswith(type_):
        return False
    return not text or any(
        text in part.casefold() for part in (record.type, record.kind, record.data, record.peer) if part
    )


def _seq(rows: Sequence[Step | Logged]) -> int | None:
    """Return the number of the first row's record. This number changes when rows at the beginning are forgotten."""
    return rows[0].seq if rows else None


def _cells(record: Logged) -> list[str]:
    """Return the cells of a table's row: number, time in UTC, type and kind, peers, size, and the first characters of
    the data."""
    return [
        str(record.seq),
        f"{datetime.fromtimestamp(record.ts, UTC):%H:%M:%S.%f}"[:-3],
        visible(record.type if record.kind is None else f"{record.type} ({record.kind})"),
        visible((record.peer or "") if record.to is None else f"{record.peer or ''} → {record.to}"),
        "" if record.bytes is None else f"{record.bytes} B",
        visible((record.data or "")[:DATA_CHARACTERS]),
    ]
