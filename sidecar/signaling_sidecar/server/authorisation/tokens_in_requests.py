"""Finding the access token in an HTTP request or in the handshake of a WebSocket."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from aiohttp import web

from signaling_sidecar.server.http.handshake_headers import SUBPROTOCOLS, words

BEARER = "bearer."
"""The beginning of a subprotocol that carries a token, because browsers cannot add headers to a handshake."""
_IN_NO_URL = ("token", "access_token")
_REFUSED_URL = (
    "a token must not be in a URL, because logs and the history of a browser keep URLs: send it in the header "
    "`Authorization: Bearer`, in the subprotocol `bearer.<token>`, or in the `join` of the protocol `rooms`\n"
)


class Candidate(NamedTuple):
    """A text that may be a valid token."""

    token: str
    parameter: str | None = None
    """The parameter of the URL that holds it, in protocols that have their tokens there."""


def candidates(request: web.Request, parameters: Collection[str] = ()) -> list[Candidate]:
    """Return the texts that may be the token of a request. Those in parameters may be texts that a client has made up.

    `parameters` are the parameters of the URL in which the client's protocol carries tokens. They are used only if no
    header has a token. Raises HTTPBadRequest for more than one token, and for a token in a URL.
    """
    if any(name in request.query and name not in parameters for name in _IN_NO_URL):
        raise web.HTTPBadRequest(text=_REFUSED_URL)
    tokens = {*_authorizations(request), *_in_subprotocols(request)}
    if len(tokens) > 1:
        raise web.HTTPBadRequest(text="the request has more than one token\n")
    if tokens:
        return [Candidate(tokens.pop())]
    places: tuple[Mapping[str, str], ...] = (request.query, request.match_info)
    return [Candidate(place[name], name) for name in parameters for place in places if place.get(name)]


def bearer_token(request: web.Request) -> str | None:
    """Return the token in the header `Authorization`, or None if there is none, or several."""
    tokens = _authorizations(request)
    return tokens.pop() if len(tokens) == 1 else None


def _authorizations(request: web.Request) -> set[str]:
    parts = [value.strip().partition(" ") for value in request.headers.getall("Authorization", ())]
    return {token.strip() for scheme, _, token in parts if scheme.lower() == "bearer"}


def _in_subprotocols(request: web.Request) -> list[str]:
    offered = words(request, SUBPROTOCOLS)
    return [word.removeprefix(BEARER) for word in offered if word.startswith(BEARER)]
