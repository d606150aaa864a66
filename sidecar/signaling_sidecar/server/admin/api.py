"""Serves the admin API, with which notebooks and scripts read and change the state of the rooms (see `openapi.py`).

Each request needs a token: that of this run, which is in the private file `runtime.json`, or an access token with the
scope `admin`. The client sends it as a bearer token, and never as a cookie or in the URL, so that no web page can make
a browser send it. Vite's proxy does not forward the paths of the admin API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.analysis.messages import AskWhy
from signaling_sidecar.auth.same_secret import is_same_secret
from signaling_sidecar.errors import NOT_JSON, Code
from signaling_sidecar.eventlog.log_files import LogFiles
from signaling_sidecar.hub import OwnRules, RoomKey, commands
from signaling_sidecar.hub.commands import OfAdmin
from signaling_sidecar.server.admin.bodies import json_answer, read_body
from signaling_sidecar.server.admin.inspector_links import (
    InspectorLinks,
    is_on_this_machine,
    refuse_other_pages,
)
from signaling_sidecar.server.admin.openapi import PREFIX, document
from signaling_sidecar.server.admin.record_stream import After, Follower, send_records
from signaling_sidecar.server.admin.revoke import revoke
from signaling_sidecar.server.analysis_process import AnalysisFailed, AnalysisProcess
from signaling_sidecar.server.authorisation.gate import Gate, is_of_admin
from signaling_sidecar.server.authorisation.long_answers import ends_with_token
from signaling_sidecar.server.authorisation.revoking import Revoking
from signaling_sidecar.server.authorisation.tokens_in_requests import bearer_token
from signaling_sidecar.server.http.guard import Barred
from signaling_sidecar.server.http.open_handlers import open_to_all
from signaling_sidecar.server.inspector.api import InspectorApi
from signaling_sidecar.server.room_state import room_state
from signaling_sidecar.server.rooms_access import RoomsAccess

LINK_PATH = f"{PREFIX}/inspector-link"
INSPECTOR_PREFIX = "/inspector/api"  # below the path of the inspector's page, which uses relative URLs
STATUS_OF = {Code.NO_SUCH_ROOM: 404, Code.NO_SUCH_PEER: 404}  # status by the code of a refusal; other codes: 409


class _Kick(msgspec.Struct, forbid_unknown_fields=True):
    peer: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Say(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class AdminApi:
    """`begin` must be called before the first request."""

    def __init__(
        self,
        token: str,
        boot: str,
        rooms: RoomsAccess,
        analysis: AnalysisProcess,
        refused: Callable[[], Iterable[Barred]],
        gate: Gate | None,
        revoking: Revoking | None,
    ) -> None:
        """`refused` returns the requests that were refused for their Host or Origin, the first of each cause.

        `gate` verifies access tokens, and is None if the sidecar requires none. `revoking` is None if no token can be
        revoked.
        """
        self._token = token
        self._gate = gate
        self._revoking = revoking
        self._boot = boot
        self._access = rooms
        self._analysis = analysis
        self._links = InspectorLinks()
        self._inspector = InspectorApi(rooms, analysis, boot, refused)
        self._log: LogFiles
        self._followers: set[Follower] = set()

    def begin(self, log: LogFiles) -> None:
        self._log = log
        log.listeners.add(self._tell)
        self._inspector.begin(log)

    def end_inspector(self) -> None:
        """End all streams of the inspector, because the sidecar stops."""
        self._inspector.end_streams()

    def end_streams(self) -> None:
        """End all streams of records after the records so far, because the sidecar stops."""
        for follower in self._followers:
            follower.end()

    def _tell(self, text: bytes) -> None:
        if self._followers:
            lines = text.splitlines(keepends=True)
            for follower in self._followers:
                follower.tell(lines)

    def routes(self) -> list[web.AbstractRouteDef]:
        room = "rooms/{dialect}/{room}"
        handlers: list[tuple[str, str, Handler]] = [
            ("GET", "openapi.json", self._describe),
            ("GET", "rooms", self._rooms),
            ("GET", "records", self._records),
            ("GET", "why", self._why),
            ("POST", "revoke", partial(revoke, self._revoking)),
            ("POST", f"{room}/kick", self._kick),
            ("POST", f"{room}/close", self._close),
            ("POST", f"{room}/say", self._say),
            ("PUT", f"{room}/rules", self._rules),
            *(("GET", path, handler) for path, handler in self._inspector.handlers().items()),
        ]
        return [
            web.post(LINK_PATH, self.guarded(self._new_link)),
            web.post(f"{INSPECTOR_PREFIX}/session", self._links.enter),
            *(
                web.route(method, f"{prefix}/{path}", self.guarded(handler))
                for prefix in (PREFIX, INSPECTOR_PREFIX)
                for method, path, handler in handlers
            ),
        ]

    def guarded(self, handler: Handler) -> Handler:
        @open_to_all
        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.path.startswith(f"{INSPECTOR_PREFIX}/"):
                refuse_other_pages(request)
            token = bearer_token(request)
            if token is None or not self._is_allowed(request, token):
                raise web.HTTPUnauthorized(
                    headers={"WWW-Authenticate": "Bearer"}, text="the admin token is missing or wrong\n"
                )
            if request.method != "GET" and request.content_type != "application/json":
                raise web.HTTPUnsupportedMediaType(text="the body must be application/json\n")
            with ends_with_token(self._gate, request):
                return await handler(request)

        return guarded

    def _is_allowed(self, request: web.Request, token: str) -> bool:
        if is_same_secret(self._token, token):
            return True
        is_inspector = request.path.startswith(f"{INSPECTOR_PREFIX}/") and is_on_this_machine(request)
        if is_inspector and self._links.is_token(token):
            return True
        # Whoever opens a link to the inspector needs no token. So links can only be made with the token of this run,
        # which is stored on this machine only, and not with an access token.
        return request.path != LINK_PATH and is_of_admin(self._gate, request)

    # --- the inspector ------------------------------------------------------------------------------------------------

    async def _new_link(self, request: web.Request) -> web.Response:
        return json_answer({"code": self._links.new_code()})

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _describe(self, request: web.Request) -> web.Response:
        return json_answer(document())

    async def _rooms(self, request: web.Request) -> web.Response:
        hub = await self._access.hub()
        rooms = [room_state(room) for room in hub.membership.rooms]
        return json_answer({"boot": self._boot, "rooms": rooms})

    async def _records(self, request: web.Request) -> web.StreamResponse:
        """Send the records of this run whose `seq` is greater than `after`, one in each line. If `boot` is another run,
        all records are sent. With `follow`, the response does not end, but continues with the records that are written
        later."""
        try:
            after = After(int(request.query.get("after", "0")), request.query.get("boot"))
        except ValueError:
            return json_answer({"code": Code.BAD_FIELD, "message": "`after` must be a whole number"}, 400)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        follower = Follower()
        if request.query.get("follow") in ("1", "true"):
            self._followers.add(follower)  # before the old records are read, so that no new record is missed
        else:
            follower.end()
        try:
            await response.prepare(request)
            await send_records(response, self._log.path.parent, self._boot, after, follower)
        finally:
            self._followers.discard(follower)
        return response

    async def _why(self, request: web.Request) -> web.Response:
        """Send the verdicts that `sidecar why --json` would print now."""
        try:
            body = await self._analysis.ask(AskWhy(request.query.get("room"), request.query.get("dialect")))
        except AnalysisFailed as error:
            return json_answer({"code": error.code, "message": str(error)}, 503)
        return web.Response(body=body, content_type="application/json")

    # --- changing ---------------------------------------------------------------------------------------------------

    async def _kick(self, request: web.Request) -> web.Response:
        return await self._do(request, _Kick, lambda key, kick: commands.Kick(key, kick.peer))

    async def _close(self, request: web.Request) -> web.Response:
        return await self._do(request, _Nothing, lambda key, _: commands.CloseRoom(key))

    async def _say(self, request: web.Request) -> web.Response:
        return await self._do(request, _Say, lambda key, say: commands.Say(key, say.text))

    async def _rules(self, request: web.Request) -> web.Response:
        return await self._do(request, OwnRules, lambda key, own: commands.SetOwnRules(key, own, by_admin=True))

    async def _do(
        self, request: web.Request, body: type[Any], command: Callable[[RoomKey, Any], OfAdmin]
    ) -> web.Response:
        try:
            asked = await read_body(request, body)
        except NOT_JSON as error:
            return json_answer({"code": Code.BAD_FIELD, "message": str(error)}, 400)
        key = RoomKey(request.match_info["dialect"], request.match_info["room"])
        refusal = await self._access.administer(command(key, asked))
        if refusal is not None:
            return json_answer({"code": refusal.code, "message": refusal.message}, STATUS_OF.get(refusal.code, 409))
        return json_answer({})
