"""The inspector's API, from which its page has its data: `inspector/…` beside the paths of the admin API.

It reads the newest part of the event log, in a thread, and only while somebody asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from signaling_sidecar import __version__
from signaling_sidecar.errors import NoSuchRoomInLog, SidecarError
from signaling_sidecar.eventlog import LogWriter
from signaling_sidecar.hub import Hub, RoomKey
from signaling_sidecar.server.http.guard import Barred
from signaling_sidecar.server.inspector.query import BadQuery, kinds_of, pair_of, range_of, seq_of
from signaling_sidecar.server.inspector.watch import Watch
from signaling_sidecar.server.pages.shared_work import in_a_thread
from signaling_sidecar.server.room_state import room_state
from signaling_sidecar.untrusted_text import visible

if TYPE_CHECKING:
    from signaling_sidecar.server.inspector.room_view import RoomView
    from signaling_sidecar.server.inspector.seen import Seen

AT_MOST_EVERY_S = 0.25  # seconds between two lines of a stream
LOOK_EVERY_S = 1.0  # seconds; verdicts also change by time alone
SIGN_OF_LIFE_S = 10.0  # seconds after which a line is sent although nothing has changed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Draw = Callable[["RoomView"], Any]


class InspectorApi:
    """`begin` must be called before the first request. `refused` returns the refused requests since the start."""

    def __init__(self, folder: Path, boot: str, refused: Callable[[], Iterable[Barred]]) -> None:
        self._folder, self._boot, self._refused = folder, boot, refused
        self._watch = Watch(folder, boot, self.forget)
        self._hub: Hub
        self._log: LogWriter
        self._is_over = False
        self._views: dict[RoomKey, tuple[Seen, Any, RoomView]] = {}
        """The rooms that were drawn from the last look, because the page asks for several parts of the same room."""

    def begin(self, hub: Hub, log: LogWriter) -> None:
        self._hub, self._log = hub, log
        self._watch.begin(log)

    def forget(self) -> None:
        """Free the memory, because nobody watches any more."""
        self._views = {}

    def end_streams(self) -> None:
        """End all streams, because the sidecar stops."""
        self._is_over = True
        self._watch.wake()

    def handlers(self) -> dict[str, Handler]:
        """The handlers of GET requests, by their paths below the prefix of the API."""
        room = "inspector/rooms/{dialect}/{room}"
        return {
            "inspector/changes": self._changes,
            room: self._answering(self._room),
            f"{room}/ladder": self._answering(self._ladder),
            f"{room}/records": self._answering(self._records),
            f"{room}/payload/{{seq}}": self._answering(self._payload),
            f"{room}/markdown": self._answering(self._markdown),
        }

    # --- the stream of changes ----------------------------------------------------------------------------------------

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        """One line at once, and then one after each change. Each line tells the whole state."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        told, told_s = b"", 0.0
        with self._watch.streaming():
            while not self._is_over:
                line = msgspec.json.encode(await self._state()) + b"\n"
                if line != told or loop.time() - told_s >= SIGN_OF_LIFE_S:
                    told, told_s = line, loop.time()
                    await response.write(line)
                    await asyncio.sleep(AT_MOST_EVERY_S)
                if not self._watch.has_grown:
                    await self._watch.news(LOOK_EVERY_S)
        return response

    async def _state(self) -> dict[str, Any]:
        seen: Seen | None = None
        problem = None
        try:
            seen = await (self._watch.fresh() if self._watch.is_stale else self._watch.newest())
        except (SidecarError, OSError) as error:
            problem = visible(str(error))
            await asyncio.sleep(LOOK_EVERY_S)  # it is not mended sooner
        from signaling_sidecar.server.inspector.changes import hints, listed_room, rooms_listed
        from signaling_sidecar.server.inspector.seen import NO_PAIRS

        states = [room_state(room) for room in self._hub.membership.rooms]
        told = hints(states, seen, self._refused(), is_log_written=self._log.is_written)
        listed = [listed_room(state, NO_PAIRS) for state in states] if seen is None else rooms_listed(states, seen)
        return {
            "boot": self._boot,
            "version": __version__,
            "seq": 0 if seen is None else seen.seq,
            "rooms": listed,
            "hints": list(told),
            **({} if problem is None else {"problem": problem}),
        }

    # --- one room -----------------------------------------------------------------------------------------------------

    def _answering(self, handler: Handler) -> Handler:
        async def answering(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except BadQuery as error:
                return _refusal(400, error.code, str(error))
            except _NotThere as error:
                return _refusal(404, error.code, str(error))
            except NoSuchRoomInLog as error:
                return _refusal(404, "no-such-room", visible(str(error)))
            except (SidecarError, OSError) as error:
                return _refusal(503, "log-unreadable", visible(str(error)))

        return answering

    async def _room(self, request: web.Request) -> web.Response:
        pair, kinds = pair_of(request), kinds_of(request)
        return await self._draw(request, lambda view: view.as_object(pair, kinds))

    async def _ladder(self, request: web.Request) -> web.Response:
        asked, pair, kinds = range_of(request), pair_of(request), kinds_of(request)
        return await self._draw(request, lambda view: view.rows(asked, pair, kinds))

    async def _records(self, request: web.Request) -> web.Response:
        asked, pair = range_of(request), pair_of(request)
        type_, text = request.query.get("type", ""), request.query.get("text", "")
        return await self._draw(request, lambda view: view.records(asked, pair, type_, text))

    async def _payload(self, request: web.Request) -> web.Response:
        seq = seq_of(request)

        def draw(view: RoomView) -> Any:
            from signaling_sidecar.server.inspector.payload_view import payload_view

            found = payload_view(view, seq)
            if found is None:
                raise _NotThere("no-such-record", f"the newest part of the event log has no record {seq} of this room")
            return found

        return await self._draw(request, draw)

    async def _markdown(self, request: web.Request) -> web.Response:
        pair, key = pair_of(request), _key(request)

        def write() -> str:
            from signaling_sidecar.server.inspector.markdown import markdown

            return markdown(self._folder, (key.dialect, key.room), pair)

        text = await in_a_thread(write)
        return web.Response(text=text, content_type="text/markdown", headers=_FRESH)

    async def _draw(self, request: web.Request, draw: Draw) -> web.Response:
        key = _key(request)
        seen = await self._watch.newest()
        room = self._hub.membership.room(key)
        if room is None and key not in seen.of_room:
            raise _NotThere(
                "no-such-room", f"nobody is in the room {visible(key.room)!r} of {visible(key.dialect)!r}, "
                "and the newest part of the event log has no records of it"
            )  # fmt: skip
        state = None if room is None else room_state(room)

        def work() -> bytes:
            return msgspec.json.encode(draw(self._view(seen, key, state)))

        return web.Response(body=await in_a_thread(work), content_type="application/json", headers=_FRESH)

    def _view(self, seen: Seen, key: RoomKey, state: Any) -> RoomView:
        from signaling_sidecar.server.inspector.room_view import RoomView

        known = self._views.get(key)
        if known is not None and known[0] is seen and known[1] == state:
            return known[2]
        view = RoomView(seen, (key.dialect, key.room), state, self._boot)
        self._views = {other: each for other, each in self._views.items() if each[0] is seen} | {
            key: (seen, state, view)
        }
        return view


class _NotThere(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _key(request: web.Request) -> RoomKey:
    return RoomKey(request.match_info["dialect"], request.match_info["room"])


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=_FRESH)
