"""Answers the requests of the server from the newest part of the event log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from signaling_sidecar.analysis.messages import (
    AskWhy,
    Begin,
    Describe,
    Key,
    Pairs,
    Reply,
    Request,
    ShowPayload,
    ShowRecords,
    ShowRoom,
    ShowRows,
    Survey,
)
from signaling_sidecar.analysis.overview import overview, pairs_now
from signaling_sidecar.analysis.seen import Looker, Seen
from signaling_sidecar.diagnosis import why
from signaling_sidecar.errors import Code, NoSuchRoomInLog, SidecarError
from signaling_sidecar.untrusted_text import visible

if TYPE_CHECKING:
    from signaling_sidecar.analysis.room_view import RoomView

REST = 4.0  # the pause after a look at the log is this many times as long as the look, but at most MAX_REST_S
MAX_REST_S = 0.75  # seconds; the longest pause, because a verdict should be shown within 2 s after its records

ShownInRoom = ShowRoom | ShowRows | ShowRecords | ShowPayload


class Analyst:
    """Answers requests. Must not be used by two threads at the same time."""

    def __init__(self, begin: Begin) -> None:
        self._folder = Path(begin.folder)
        self._looker = Looker(self._folder, begin.boot)
        self._seen: Seen | None = None
        self._rested_s = 0.0
        self._views: dict[Key, tuple[Any, RoomView]] = {}
        """By room, the view that was made from `_seen`. The inspector requests the parts of a room one by one, and all
        replies come from this view."""

    def reply(self, request: Request) -> Reply:
        try:
            return Reply("", self._answer(request))
        except _Refused as error:
            return _refusal(error.code, str(error))
        except NoSuchRoomInLog as error:
            return _refusal("no-such-room", visible(str(error)))
        except (SidecarError, OSError) as error:
            return _refusal("log-unreadable", visible(str(error)))

    def _answer(self, request: Request) -> bytes:
        match request:
            case Survey():
                return msgspec.msgpack.encode(overview(self._recent()))
            case Pairs():
                return msgspec.msgpack.encode(pairs_now(self._recent().diagnosis))
            case AskWhy(room, dialect):
                return msgspec.json.encode(why(self._look().diagnosis.only(room, dialect)))
            case Describe(key, pair):
                from signaling_sidecar.analysis.markdown import markdown  # slow to import, and rarely needed

                return markdown(self._folder, key, pair).encode()
        if isinstance(request, ShowRoom | ShowRows):
            _check_kinds(request.kinds)
        return msgspec.json.encode(_shown(request, self._view(request.key, request.state)))

    def _recent(self) -> Seen:
        """Return the last result, or look at the log again if the pause after the last look has ended."""
        return self._seen if self._seen is not None and time.monotonic() < self._rested_s else self._look()

    def _look(self) -> Seen:
        began_s = time.monotonic()
        seen = self._looker.look()
        ended_s = time.monotonic()
        if seen is not self._seen:
            self._seen, self._views = seen, {}
        self._rested_s = ended_s + min(REST * (ended_s - began_s), MAX_REST_S)
        return seen

    def _view(self, key: Key, state: dict[str, Any] | None) -> RoomView:
        seen = self._recent()
        if state is None and key not in seen.of_room:
            dialect, room = key
            raise _Refused(
                "no-such-room", f"nobody is in the room {visible(room)!r} of {visible(dialect)!r}, "
                "and the newest part of the event log has no records of it"
            )  # fmt: skip
        from signaling_sidecar.analysis.room_view import RoomView  # slow to import, and not needed at first

        known = self._views.get(key)
        if known is not None and known[0] == state:
            return known[1]
        view = RoomView(seen, key, state)
        self._views[key] = state, view
        return view


def _check_kinds(kinds: frozenset[str]) -> None:
    from signaling_sidecar.drawing.ladder.steps import Look

    known = frozenset(map(str, Look))
    if not kinds <= known:
        raise _Refused(Code.BAD_FIELD, f"`kinds` must be some of {', '.join(sorted(known))}")


def _shown(request: ShownInRoom, view: RoomView) -> Any:
    match request:
        case ShowRoom(pair=pair, kinds=kinds):
            return view.as_object(pair, kinds)
        case ShowRows(range=wanted, pair=pair, kinds=kinds):
            return view.rows(wanted, pair, kinds)
        case ShowRecords(range=wanted, pair=pair, type_prefix=prefix, text=text):
            return view.records(wanted, pair, prefix, text)
        case ShowPayload(seq=seq):
            from signaling_sidecar.analysis.payload_view import payload_view

            found = payload_view(view, seq)
            if found is None:
                raise _Refused("no-such-record", f"the newest part of the event log has no record {seq} of this room")
            return found


def _refusal(code: str, sentence: str) -> Reply:
    return Reply(code, sentence.encode())


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
