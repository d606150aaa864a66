"""Handles the handshake of a WebSocket: finds its dialect, and calls the hook that decides whether the client is
admitted."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from signaling_sidecar.dialects import UPGRADE_REQUIRED, Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.dialects.shared_path import by_first_frame
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.resumption import MAX_KEPT_BYTES
from signaling_sidecar.hub.views import Limits
from signaling_sidecar.json_log import request_id
from signaling_sidecar.server.authorisation.gate import Gate
from signaling_sidecar.server.authorisation.tokens_in_requests import bearer_token
from signaling_sidecar.server.http import request_ids
from signaling_sidecar.server.http.client_address import client_address, counted_as
from signaling_sidecar.server.http.handshake_headers import is_handshake
from signaling_sidecar.server.http.let_in import LetIn, claims_of, without_token
from signaling_sidecar.server.sockets.connection import STOP_WITHIN_S, Connection, Speaker
from signaling_sidecar.server.sockets.frame_rate import FrameRate
from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.server.sockets.handshake import (
    SwitchingProtocols,
    error_of,
    refuse_handshake,
)
from signaling_sidecar.server.sockets.outbox import Outbox
from signaling_sidecar.server.sockets.reader import Reader
from signaling_sidecar.server.sockets.websocket import WebSocket
from signaling_sidecar.server.tell import ConnectionOpened
from signaling_sidecar.settings import Settings

if TYPE_CHECKING:
    from signaling_sidecar.server.user_hooks.checks import HookChecks

logger = logging.getLogger("signaling_sidecar")


class Endpoint:
    """Serves the WebSockets of all dialects. Must be created in a running event loop.

    `conceal` returns the keyed hash of a secret. `gate` verifies access tokens, and is None if the sidecar requires
    none. `new_connection_id` is called for each new connection.
    """

    def __init__(
        self,
        settings: Settings,
        dialects: Mapping[str, Dialect],
        front: Front,
        conceal: Callable[[str], str],
        gate: Gate | None,
        new_connection_id: Callable[[], int],
    ) -> None:
        self.settings = settings
        """The settings for new connections."""
        self.hooks: HookChecks | None = None
        """The hooks, or None without a hooks file."""
        self._dialects = dialects
        self._front = front
        self._conceal = conceal
        self._gate = gate
        self._new_connection_id = new_connection_id
        self._readers: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.Request, dialect: Dialect | None) -> web.StreamResponse:
        """Answer a handshake, and begin to read from the connection. If `dialect` is None, the first frame decides it.

        Raises HTTPException for a request that is not a handshake, or that the dialect or a hook refuses.
        """
        let_in = self._let_in(request, dialect) if is_handshake(request) else None
        opening = _opening(request, self.settings, let_in)
        opened = dialect.open(opening) if dialect is not None else Introduction()
        if isinstance(opened, Rejection):
            raise error_of(opened)
        if not is_handshake(request):
            raise error_of(dialect.plain_get if dialect is not None else UPGRADE_REQUIRED)
        if (refusal := refuse_handshake(request)) is not None:
            raise refusal
        await self.admit(request, dialect)
        if self._gate is not None and let_in is not None:
            self._gate.refuse_revoked(let_in)  # the token may have been revoked while the hook was running
        response = SwitchingProtocols(request)
        await response.prepare(request)
        socket = WebSocket(self.settings.max_frame_bytes)
        transport = socket.take_over(request)
        connection = self._open(request, transport, dialect, let_in)
        if isinstance(opened, Closing):
            self._front.turn_away(connection, dialect, opened)
        elif dialect is not None:
            connection.speaks(self._speaker(connection, dialect, opened))
        else:
            connection.recognise = lambda frame: self._recognise(connection, opening, frame)
        self._read_to_end(connection, socket)
        return response

    async def admit(self, request: web.Request, dialect: Dialect | None) -> None:
        """Call the `admit` hook. Raises HTTPForbidden if the hook refuses the request."""
        if self.hooks is None:
            return
        claims = claims_of(request)
        refusal = await self.hooks.check_connection(
            dialect.name if dialect is not None else None,
            request.headers,
            request.query,
            bearer_token(request) or None,
            claims.all if claims is not None else None,
        )
        if refusal is not None:
            raise web.HTTPForbidden(text=f"{refusal.message}\n")

    async def wait_closed(self) -> None:
        """Return when the readers of all connections have stopped. The connections must have been closed before."""
        if self._readers:
            _, waiting = await asyncio.wait(self._readers, timeout=STOP_WITHIN_S + 1)
            for reader in waiting:
                reader.cancel()

    def _let_in(self, request: web.Request, dialect: Dialect | None) -> LetIn | None:
        """Verify the token of a handshake, if the sidecar requires tokens.

        Returns None if no token is required, or if the token may follow in a frame. Raises HTTPUnauthorized,
        HTTPTooManyRequests or HTTPBadRequest.
        """
        if self._gate is None:
            return None
        # On the shared path, the dialect is not known yet, so the token may follow if any possible dialect allows that.
        possible = [each for each in self._dialects.values() if each.first_frames] if dialect is None else [dialect]
        may_follow = any(each.tokens_in_frames for each in possible)
        parameters = dialect.token_parameters if dialect is not None else ()
        return (self._gate.let_in if may_follow else self._gate.require)(request, parameters)

    def _open(
        self, request: web.Request, transport: asyncio.Transport, dialect: Dialect | None, let_in: LetIn | None
    ) -> Connection:
        settings, front, headers = self.settings, self._front, request.headers
        limits = Limits(settings.max_frame_bytes, settings.max_frames_per_s, settings.max_frames_burst, MAX_KEPT_BYTES)
        connection = Connection(
            self._new_connection_id(),
            # The size of the largest frame is added to the limit of the outbox. Otherwise, one large frame could exceed
            # the limit although the client has read nearly all earlier frames.
            Outbox(transport, settings.max_outbox_bytes + settings.max_frame_bytes, front.unread_total.has_room),
            FrameRate(limits.frames_per_s, limits.burst, asyncio.get_running_loop().time()),
            front.close_idle,
            limits,
            front.put,
            client_address(request),
        )
        holders = front.token_holders
        if holders is not None and len(front) >= settings.max_connections:
            holders.close_an_anonymous_one()
        is_full = len(front) >= settings.max_connections
        claims = let_in.claims if let_in is not None else None
        subject = claims.subject if claims is not None else None
        origin, agent = headers.get("Origin"), headers.get("User-Agent")
        opened = ConnectionOpened(
            connection.id, dialect, connection.address, origin, agent, subject, request.get(request_ids.ID)
        )
        front.opened(connection, opened)
        if holders is not None:
            holders.begin(connection, claims, dialect)
        if is_full:
            front.turn_away(connection, dialect, Closing(CloseCode.FULL, "full"))
        return connection

    def _recognise(self, connection: Connection, opening: Opening, frame: bytes) -> Speaker | None:
        dialect = by_first_frame(self._dialects.values(), frame)
        opened = dialect.open(opening) if dialect is not None else None
        if dialect is None or not isinstance(opened, Introduction):
            return None
        return self._speaker(connection, dialect, opened)

    def _speaker(self, connection: Connection, dialect: Dialect, introduction: Introduction) -> Speaker:
        address = counted_as(connection.address)
        own = connection.access.own if connection.access is not None else None
        given_id = (own.claims.peer if own is not None else None) or new_given_id()
        caller = Caller(connection.id, introduction, self._conceal, address, given_id)
        return Speaker(dialect, caller)

    def _read_to_end(self, connection: Connection, socket: WebSocket) -> None:
        """Read in a task of its own, so that aiohttp can free the objects of the request."""

        def ended(task: asyncio.Task[None]) -> None:
            self._readers.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error("connection %d has failed", connection.id, exc_info=error)

        request_id.set(None)  # later log messages about the connection do not have the id of the handshake's request
        task = asyncio.create_task(Reader(self._front, connection, socket).run())
        self._readers.add(task)
        task.add_done_callback(ended)


def _opening(request: web.Request, settings: Settings, let_in: LetIn | None) -> Opening:
    removed = let_in.parameter if let_in is not None else None
    return Opening(
        request.match_info.get("room"),
        without_token(request, request.query),
        request.raw_path.partition("?")[2] if removed is None else "",
        settings,
        removed,
        let_in.claims.subject if let_in is not None else None,
    )


def new_given_id() -> str:
    """Return the random id that a dialect may use as the peer id of a connection."""
    return str(uuid.uuid4())
