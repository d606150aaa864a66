"""Finds the access token in an HTTP request or in the handshake of a WebSocket."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from aiohttp import web

from signaling_sidecar.server.http.handshake_headers import SUBPROTOCOLS, words

BEARER = "bearer."
"""The prefix of a subprotocol that contains a token. Browsers cannot add an `Authorization` header to a handshake."""
_IN_NO_URL = ("token", "access_token")
_REFUSED_URL = (
    "a token must not be in a URL, because logs and the history of a browser keep URLs: send it in the header "
    "`Authorization: Bearer`, in the subprotocol `bearer.<token>`, or in the `join` of the protocol `rooms`\n"
)


class Candidate(NamedTuple):
    """A text that may be the token of a request. It is not checked yet."""

    token: str
    parameter: str | None = None
    """The URL parameter that contains the text, or None if a header contains it."""


def candidates(request: web.Request, parameters: Collection[str] = ()) -> list[Candidate]:
    """Return the texts that may be the token of a request.

    `parameters` are the URL parameters in which the client's protocol sends tokens. Some clients send a random text
    there. The parameters are used only if no header has a token. Raises HTTPBadRequest for more than one token, and for
    a token in any other URL parameter.
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
