"""Serves the data of the inspector's page, at the paths `inspector/…` of the admin API.

Most answers are prepared by the process that analyses the event log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar import __version__
from signaling_sidecar.analysis.listed_room import NO_PAIRS, listed_room
from signaling_sidecar.analysis.messages import (
    Describe,
    Overview,
    Request,
    ShowPayload,
    ShowRecords,
    ShowRoom,
    ShowRows,
    Survey,
)
from signaling_sidecar.eventlog.log_files import LogFiles
from signaling_sidecar.hub import RoomKey
from signaling_sidecar.server.analysis_process import AnalysisFailed, AnalysisProcess
from signaling_sidecar.server.http.guard import Barred
from signaling_sidecar.server.inspector.query import BadQuery, kinds_of, pair_of, range_of, seq_of
from signaling_sidecar.server.inspector.room_list import hints, rooms_listed
from signaling_sidecar.server.pages.page_files import FRESH
from signaling_sidecar.server.room_state import room_state
from signaling_sidecar.server.rooms_access import RoomsAccess, RoomsUnavailable

AT_MOST_EVERY_S = 0.25  # the least number of seconds between two lines of the stream of changes
LOOK_EVERY_S = 1.0  # seconds between two checks for changes that are not in the event log, such as a refused request
SIGN_OF_LIFE_S = 10.0  # seconds after which a line is sent even if nothing has changed
STATUS_OF = {"bad-field": 400, "no-such-room": 404, "no-such-record": 404, "internal": 500}  # other codes: 503


class InspectorApi:
    """`begin` must be called before the first request. `refused` returns requests that were refused for their Host or
    Origin."""

    def __init__(
        self,
        rooms: RoomsAccess,
        analysis: AnalysisProcess,
        boot: str,
        refused: Callable[[], Iterable[Barred]],
    ) -> None:
        self._access = rooms
        self._analysis, self._refused = analysis, refused
        self._boot = boot
        """The run that numbers the records, so the page knows when the numbers begin again."""
        self._log: LogFiles
        self._is_over = False
        self._news = asyncio.Event()

    def begin(self, log: LogFiles) -> None:
        self._log = log
        log.listeners.add(lambda _: self._wake())

    def end_streams(self) -> None:
        """End all streams, because the sidecar stops."""
        self._is_over = True
        self._wake()

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
        """Send one line of JSON at once, and another one after each change. Each line contains the whole state."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        told, told_s = b"", 0.0
        seen: Overview | None = None
        states: list[dict[str, Any]] = []
        while not self._is_over:
            problem: tuple[str, str] | None = None
            if seen is None or self._is_stale(seen):
                try:
                    seen = _overview(await self._analysis.ask(Survey()))
                except AnalysisFailed as error:
                    seen, problem = None, (error.code, str(error))
            try:
                states = await self._states()
            except RoomsUnavailable as error:  # `line` then repeats the last known states
                problem = error.code, error.message
            line = msgspec.json.encode(self._state(states, seen, problem)) + b"\n"
            if line != told or loop.time() - told_s >= SIGN_OF_LIFE_S:
                told, told_s = line, loop.time()
                await response.write(line)
            await asyncio.sleep(AT_MOST_EVERY_S)
            if problem is not None or (seen is not None and not self._is_stale(seen)):
                await self._wait_for_news(seen)
        return response

    def _is_stale(self, seen: Overview) -> bool:
        """Whether the process that analyses the log may now have a different overview than `seen`."""
        has_grown = self._log.is_written and seen.seq < self._log.seq
        return has_grown or (seen.changes_ts is not None and time.time() >= seen.changes_ts)

    async def _wait_for_news(self, seen: Overview | None) -> None:
        until_s = LOOK_EVERY_S
        if seen is not None and seen.changes_ts is not None:
            until_s = min(max(seen.changes_ts - time.time(), 0.0), LOOK_EVERY_S)
        try:
            async with asyncio.timeout(until_s):
                await self._news.wait()
        except TimeoutError:
            pass

    def _wake(self) -> None:
        """Let all waiting streams check for changes."""
        self._news.set()
        self._news = asyncio.Event()

    async def _states(self) -> list[dict[str, Any]]:
        hub = await self._access.hub()
        return [room_state(room) for room in hub.membership.rooms]

    def _state(
        self, states: list[dict[str, Any]], seen: Overview | None, problem: tuple[str, str] | None
    ) -> dict[str, Any]:
        """Return the content of a line of the stream. `problem` is the code and the sentence of an error, or None."""
        told = hints(states, seen, self._refused(), is_log_written=self._log.is_written)
        if seen is not None:
            self._boot = seen.boot
        return {
            "boot": self._boot,
            "version": __version__,
            "seq": 0 if seen is None else seen.seq,
            "rooms": [listed_room(state, NO_PAIRS) for state in states] if seen is None else rooms_listed(states, seen),
            "hints": list(told),
            **({} if problem is None else {"problem": problem[1], "problemCode": problem[0]}),
        }

    # --- one room -----------------------------------------------------------------------------------------------------

    def _answering(self, handler: Handler) -> Handler:
        async def answering(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except (BadQuery, AnalysisFailed) as error:
                body = {"code": error.code, "message": str(error)}
                return web.json_response(body, status=STATUS_OF.get(error.code, 503), headers=FRESH)

        return answering

    async def _room(self, request: web.Request) -> web.Response:
        key, state = await self._asked(request)
        return await self._answer(ShowRoom(key=key, state=state, pair=pair_of(request), kinds=kinds_of(request)))

    async def _ladder(self, request: web.Request) -> web.Response:
        key, state = await self._asked(request)
        pair, kinds = pair_of(request), kinds_of(request)
        return await self._answer(ShowRows(key=key, state=state, range=range_of(request), pair=pair, kinds=kinds))

    async def _records(self, request: web.Request) -> web.Response:
        key, state = await self._asked(request)
        pair, prefix, text = pair_of(request), request.query.get("type", ""), request.query.get("text", "")
        wanted = ShowRecords(key=key, state=state, range=range_of(request), pair=pair, type_prefix=prefix, text=text)
        return await self._answer(wanted)

    async def _payload(self, request: web.Request) -> web.Response:
        key, state = await self._asked(request)
        return await self._answer(ShowPayload(key=key, state=state, seq=seq_of(request)))

    async def _markdown(self, request: web.Request) -> web.Response:
        return await self._answer(Describe(_key(request), pair_of(request)), "text/markdown")

    async def _answer(self, wanted: Request, content_type: str = "application/json") -> web.Response:
        body = await self._analysis.ask(wanted)
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=FRESH)

    async def _asked(self, request: web.Request) -> tuple[RoomKey, dict[str, Any] | None]:
        """Return the key of the room in the URL, and the room's state if it exists now."""
        key = _key(request)
        room = (await self._access.hub()).membership.room(key)
        return key, None if room is None else room_state(room)


def _key(request: web.Request) -> RoomKey:
    return RoomKey(request.match_info["dialect"], request.match_info["room"])


_overview = msgspec.msgpack.Decoder(Overview).decode
