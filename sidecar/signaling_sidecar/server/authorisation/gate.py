"""Verifies the tokens in requests and frames, and records in the event log which tokens were refused and why."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable

from aiohttp import web

from signaling_sidecar import errors
from signaling_sidecar.auth import (
    MISSING,
    TOO_MANY,
    Attempts,
    Claims,
    Failure,
    Failures,
    InvalidToken,
    RevocableTokens,
    Scope,
    Why,
    in_words,
)
from signaling_sidecar.auth.same_secret import is_same_secret
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.authorisation.access import has_expired
from signaling_sidecar.server.authorisation.tokens_in_requests import Candidate, bearer_token, candidates
from signaling_sidecar.server.http.client_address import client_address, counted_as
from signaling_sidecar.server.http.let_in import LET_IN, LetIn

logger = logging.getLogger("signaling_sidecar")
_OF_THE_ADMIN = Claims(scopes=frozenset(Scope))


class NotLetIn(Exception):
    """A token is invalid, or its sender has reached a rate limit."""

    def __init__(self, refusal: Refusal, why: str, wait_s: float = 0.0) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.why = why
        self.wait_s = wait_s
        """Seconds after which the client may send a token again. It is 0 if the token is invalid."""


class Gate:
    """`admin_token` is the token of this run, which may do everything. `record` must be set before the first request is
    answered."""

    def __init__(self, verifier: RevocableTokens, admin_token: str) -> None:
        self.record: Callable[[Record], None]
        self._verifier = verifier
        self._admin_token = admin_token
        self._attempts = Attempts()
        self._failures = Failures()
        self._told: set[str] = set()

    # --- requests and handshakes -------------------------------------------------------------------------------------

    def let_in(self, request: web.Request, parameters: Collection[str]) -> LetIn | None:
        """Verify the token of a request or handshake. Returns None if the request has none.

        Raises HTTPUnauthorized for an invalid token, HTTPTooManyRequests if a rate limit is reached, and HTTPBadRequest
        for a token at a wrong place.
        """
        found = candidates(request, parameters)
        if not found:
            return None
        address = client_address(request)
        try:
            let_in = self._first_valid(found, address)
        except NotLetIn as error:
            if error.wait_s > 0:
                headers = {"Retry-After": str(math.ceil(error.wait_s))}
                raise web.HTTPTooManyRequests(text=f"{error}\n", headers=headers) from None
            raise _unauthorised(f"{error}\n") from None
        request[LET_IN] = let_in
        return let_in

    def require(self, request: web.Request, parameters: Collection[str] = ()) -> LetIn:
        """Verify the token of a request as `let_in` does, and raise HTTPUnauthorized if it has none."""
        let_in = self.let_in(request, parameters)
        if let_in is None:
            self._failed(MISSING, client_address(request))
            raise _unauthorised("a token is required\n")
        return let_in

    def _first_valid(self, found: Iterable[Candidate], address: str | None) -> LetIn:
        """Return the first valid candidate. If none is valid, raise NotLetIn for the first well-formed one."""
        refused: list[NotLetIn] = []
        for candidate in found:
            try:
                return LetIn(self._verify(candidate.token, address), candidate.parameter)
            except NotLetIn as error:
                refused.append(error)
        told = next((each for each in refused if each.why != Why.MALFORMED), refused[0])
        self._count(told, address)
        raise told

    def refuse_revoked(self, let_in: LetIn) -> None:
        """Raise HTTPUnauthorized if the token was revoked after it was verified."""
        if self._verifier.revocations.cover(let_in.claims):
            raise _unauthorised("the token has been revoked\n")

    def is_over(self, claims: Claims) -> bool:
        """Whether a token that was valid has expired or was revoked."""
        return self._verifier.revocations.cover(claims) or has_expired(claims, time.time())

    # --- frames ------------------------------------------------------------------------------------------------------

    def claims_of_frame(self, token: str, connection: int, address: str | None) -> Claims:
        """Verify the token in a frame. Raises NotLetIn."""
        try:
            return self._verify(token, address)
        except NotLetIn as error:
            self._count(error, address, connection)
            raise

    def wait_of_subject_s(self, subject: str | None) -> float:
        """Count a join without a token of its own for the rate limit of its subject. Returns the seconds that the
        subject must wait, or 0."""
        return self._attempts.wait_of_subject_s(subject, time.monotonic())

    def expired(self, connection: int, claims: Claims) -> None:
        """Record that a connection is closed because its token has expired."""
        self.record(Record("auth.expired", connection=connection, data=present(subject=claims.subject)))

    # --- all ---------------------------------------------------------------------------------------------------------

    def _verify(self, token: str, address: str | None) -> Claims:
        """Raises NotLetIn."""
        if is_same_secret(self._admin_token, token):
            return _OF_THE_ADMIN
        now_s = time.monotonic()
        _check_wait(self._attempts.wait_of_address_s(counted_as(address), now_s))
        try:
            claims = self._verifier.verify(token, time.time())
        except InvalidToken as error:
            raise NotLetIn(errors.wrong_token(str(error)), error.why) from None
        _check_wait(self._attempts.wait_of_subject_s(claims.subject, now_s))
        return claims

    def _count(self, error: NotLetIn, address: str | None, connection: int | None = None) -> None:
        if error.wait_s == 0:
            self._attempts.failed(counted_as(address), time.monotonic())
        self._failed(error.why, address, connection)

    def _failed(self, why: str, address: str | None, connection: int | None = None) -> None:
        self._record(self._failures.add(Failure(why, address, connection), time.monotonic()))

    def record_due(self) -> None:
        """Record the failures whose records were delayed because there were many. Must be called regularly."""
        self._record(self._failures.due(time.monotonic()))

    def record_rest(self) -> None:
        """Record all failures that are not recorded yet, because the sidecar stops."""
        self._record(self._failures.rest())

    def _record(self, failures: Iterable[Failure]) -> None:
        for why, address, connection, times in failures:
            self._tell(why)
            data = present(why=why, remote=address, times=times if times > 1 else None)
            self.record(Record("auth.failed", connection=connection, data=data))

    def _tell(self, why: str) -> None:
        """Log each reason once, for the operator. The answers to clients say less."""
        if why not in self._told:
            self._told.add(why)
            message = "a client was not let in, because %s (this line is shown once for each reason)"
            logger.warning(message, in_words(why), extra={"code": "not-let-in"})


def is_of_admin(gate: Gate | None, request: web.Request) -> bool:
    """Whether the token of a request has the scope `admin`, in all rooms.

    Raises HTTPForbidden for a valid token that lacks this scope or is only for certain rooms, and the errors of
    `Gate.let_in`.
    """
    if gate is None or bearer_token(request) is None:
        return False
    claims = gate.require(request).claims
    if Scope.ADMIN not in claims.scopes or claims.rooms is not None:
        # A refused Host header is answered with 403, too. Clients tell the two answers apart by this header.
        headers = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
        text = "the token does not have the scope `admin`, or is only for certain rooms\n"
        raise web.HTTPForbidden(text=text, headers=headers)
    return True


def _check_wait(wait_s: float) -> None:
    if wait_s > 0:
        raise NotLetIn(errors.too_many_tokens(wait_s), TOO_MANY, wait_s)


def _unauthorised(text: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": "Bearer"})
