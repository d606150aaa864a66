"""The gate: it verifies the tokens of requests and frames, and records those that are refused."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Collection, Iterable

from aiohttp import web

from signaling_sidecar.auth import Claims, InvalidToken, Scope, Verifier, Why
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.authorisation.tokens_in_requests import Candidate, bearer_token, candidates
from signaling_sidecar.server.http.let_in import LET_IN, LetIn

MISSING = "missing"
_OF_THE_ADMIN = Claims(scopes=frozenset(Scope))


class Gate:
    """`admin_token` is the token of this run, which may do everything. `address_of` returns the address of a request.

    `record` must be set before the first request is answered.
    """

    def __init__(self, verifier: Verifier, admin_token: str, address_of: Callable[[web.Request], str | None]) -> None:
        self.record: Callable[[Record], None]
        self._verifier = verifier
        self._admin_token = admin_token
        self._address_of = address_of

    def let_in(self, request: web.Request, parameters: Collection[str] = ()) -> LetIn | None:
        """Verify the token of a request or handshake. Returns None if it has none.

        Raises HTTPUnauthorized for a token that is not valid, and HTTPBadRequest for one at a wrong place.
        """
        found = candidates(request, parameters)
        if not found:
            return None
        address = self._address_of(request)
        try:
            let_in = self._first_valid(found)
        except InvalidToken as error:
            self._failed(error.why, address)
            raise _unauthorised(f"{error}\n") from None
        request[LET_IN] = let_in
        return let_in

    def require(self, request: web.Request, parameters: Collection[str] = ()) -> LetIn:
        """Verify the token of a request as `let_in` does, and raise HTTPUnauthorized if it has none."""
        let_in = self.let_in(request, parameters)
        if let_in is None:
            self._failed(MISSING, self._address_of(request))
            raise _unauthorised("a token is required\n")
        return let_in

    def claims_of_frame(self, token: str, connection: int, address: str | None) -> Claims:
        """Verify the token in a frame. Raises InvalidToken."""
        try:
            return self._verify(token)
        except InvalidToken as error:
            self._failed(error.why, address, connection)
            raise

    def expired(self, connection: int, claims: Claims) -> None:
        """Record that a connection is closed because its token has expired."""
        self.record(Record("auth.expired", connection=connection, data=present(subject=claims.subject)))

    def _first_valid(self, found: Iterable[Candidate]) -> LetIn:
        """Raises InvalidToken if none is valid: that of the first candidate that was a token at all."""
        refused: list[InvalidToken] = []
        for candidate in found:
            try:
                return LetIn(self._verify(candidate.token), candidate.parameter)
            except InvalidToken as error:
                refused.append(error)
        raise next((error for error in refused if error.why is not Why.MALFORMED), refused[0])

    def _verify(self, token: str) -> Claims:
        if hmac.compare_digest(token.encode(errors="surrogatepass"), self._admin_token.encode()):
            return _OF_THE_ADMIN
        return self._verifier.verify(token, time.time())

    def _failed(self, why: str, address: str | None, connection: int | None = None) -> None:
        self.record(Record("auth.failed", connection=connection, data=present(why=why, remote=address)))


def is_of_admin(gate: Gate | None, request: web.Request) -> bool:
    """Whether the token of a request has the scope `admin`, in all rooms.

    Raises HTTPForbidden for a valid token without it, and HTTPUnauthorized for a token that is not valid.
    """
    if gate is None or bearer_token(request) is None:
        return False
    claims = gate.require(request).claims
    if Scope.ADMIN not in claims.scopes or claims.rooms is not None:
        raise web.HTTPForbidden(text="the token does not have the scope `admin`, or is only for certain rooms\n")
    return True


def _unauthorised(text: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": "Bearer"})
