"""Stores the claims of a valid access token on the request, and reads them for the handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from signaling_sidecar.auth import Claims


class LetIn(NamedTuple):
    claims: Claims
    parameter: str | None = None
    """The URL parameter that contained the token, or None if a header contained it."""


LET_IN = web.RequestKey("let_in", LetIn)
"""Set on a request whose token is valid. Not set if no tokens are required."""


def claims_of(request: web.Request) -> Claims | None:
    let_in = request.get(LET_IN)
    return let_in.claims if let_in is not None else None


def may_know_of(request: web.Request, room: str) -> bool:
    """Whether the client of a request may be told about a room."""
    claims = claims_of(request)
    return claims is None or claims.rooms is None or room in claims.rooms


def without_token(request: web.Request, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Return these URL parameters without the one that contained the access token."""
    let_in = request.get(LET_IN)
    if let_in is None or let_in.parameter is None:
        return parameters
    # If a parameter occurs twice, its first value is returned.
    return {name: parameters[name] for name in parameters if name != let_in.parameter}
