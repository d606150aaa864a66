"""One room for the inspector, drawn as in the terminal and in notebooks."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from signaling_sidecar.analysis.listed_room import listed_room, past_room
from signaling_sidecar.analysis.log_window import Logged
from signaling_sidecar.analysis.messages import Key, Range
from signaling_sidecar.analysis.overview import room_pairs
from signaling_sidecar.analysis.seen import Seen, is_together
from signaling_sidecar.diagnosis import History, there_before, verdict_object, why
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.drawing import Ladder, RoomInLog, Timeline, attend
from signaling_sidecar.drawing.mesh.links import Links, Node, links_between
from signaling_sidecar.drawing.mesh.mesh import Mesh
from signaling_sidecar.hub.records import present

MAX_PARTED = 20  # pairs of peers that are no longer together, of which the verdicts are shown
_OF_TIMELINE = ("peer.", "room.", "server.")
_FIELDS = [field for field in Logged.__struct_fields__ if field != "boot"]


class RoomView:
    """A room at the time of one look at the log. `state` is that of the admin API, or None if the room has ended."""

    def __init__(self, seen: Seen, key: Key, state: Mapping[str, Any] | None, boot: str) -> None:
        self._seen, self._key, self._state = seen, key, state
        self._in_log = RoomInLog(*key, boot)
        self._records = seen.of_room.get(key, ())
        self._before = there_before(seen.checkpoint_of.get(key) or seen.first_checkpoint, key, self._records)
        self._labels = seen.found.labels.get(key) or PeerLabels()
        self._histories = seen.histories.get(key, ())
        self._ladders: dict[object, Ladder] = {}

    # --- the whole room -----------------------------------------------------------------------------------------------

    def as_object(self, pair: tuple[str, str] | None, kinds: Collection[str]) -> dict[str, Any]:
        ladder = self.ladder(pair, kinds)
        shown = self._records or self._before
        first_seq, last_seq = (shown[0].seq, shown[-1].seq) if shown else (None, None)
        return {
            "room": self._about(),
            "peers": [self._peer(peer) for peer in (self._state or {}).get("peers", [])],
            "verdicts": [verdict_object(history) for history in self._told(pair)],
            "rejections": why(self._seen.diagnosis.only(self._key[1], self._key[0])).rejections,
            "mesh": self._mesh().drawing(),
            "timeline": self._timeline(),
            "ladder": {
                "rows": len(ladder.steps),
                "rowPx": ladder.row_px,
                "widthPx": ladder.width_px,
                "head": ladder.head(),
                "first_seq": first_seq,
                "last_seq": last_seq,
                "cut": bool(self._before) or (bool(self._records) and self._records[0].type != "room.created"),
            },
            "seq": self._seen.seq,
        }

    def _about(self) -> dict[str, Any]:
        if self._state is None:
            return past_room(self._key)
        state = self._state
        more = present(mode=state.get("mode"), rules=state.get("rules"))
        more |= {"capacity": state["capacity"], "createdAt": state["createdAt"]}
        return listed_room(state, room_pairs(self._histories)) | more

    def _peer(self, peer: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: peer[name] for name in ("peer", "session", "away", "host", "joinedAt")}
        return {**shown, "label": self._label(peer)}

    def _label(self, peer: Mapping[str, Any]) -> str:
        return self._labels.beside_id(peer["peer"]) or peer.get("name") or peer["peer"]

    def _told(self, pair: tuple[str, str] | None) -> list[History]:
        """Select the verdicts on peers that are together, and the last verdicts on peers that have parted."""
        chosen = [each for each in self._histories if pair is None or _is_of(each, pair)]
        parted = [each for each in chosen if not is_together(each)]
        return [*filter(is_together, chosen), *parted[: -MAX_PARTED - 1 : -1]]

    def _mesh(self) -> Mesh:
        peers = (self._state or {}).get("peers", [])
        nodes = [Node(peer["peer"], self._label(peer), peer["away"]) for peer in peers]
        links = links_between([peer["session"] for peer in peers], (each.last for each in self._histories))
        now_ts = time.time()
        return Mesh(f"Room {self._key[1]} · {self._key[0]} · now", Links(nodes, links, 0.0, now_ts, 0.0))

    def _timeline(self) -> str:
        """Draw who was in the room at which time. It is empty if the log shows nobody in the room yet."""
        if not self._records and not self._before:
            return ""
        since = self._records[0].seq if self._records else self._seen.seq + 1
        entries = (
            entry
            for entry in self._seen.entries
            if entry.boot == self._in_log.boot
            and entry.seq >= since
            and (self._is_own(entry) or entry.type.startswith("server."))
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
        return {"rows": rows, "total": len(ladder.steps), "seq": self._seen.seq}

    def records(self, asked: Range, pair: tuple[str, str] | None, type_: str, text: str) -> dict[str, Any]:
        found = [each for each in self._records if _matches(each, pair, type_, text.casefold())]
        start = asked.start
        if asked.seq is not None:
            before = sum(each.seq <= asked.seq for each in found)
            start = max(before - 1 - asked.length // 2, 0)
        shown = [{"row": row, **_line(each)} for row, each in enumerate(found[start : start + asked.length], start)]
        return {"records": shown, "total": len(found), "seq": self._seen.seq}

    def record(self, seq: int) -> Logged | None:
        return next((each for each in self._records if each.seq == seq), None)

    @property
    def all_records(self) -> Sequence[Logged]:
        return self._records

    def _sessions_of(self, pair: tuple[str, str]) -> tuple[str, str] | None:
        """Find the sessions of two peers at their last meeting."""
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


def _line(record: Logged) -> dict[str, Any]:
    fields = msgspec.structs.asdict(record)
    return {name: fields[name] for name in _FIELDS if fields[name] is not None}
