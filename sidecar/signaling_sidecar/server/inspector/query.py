"""Parses the query parameters of the inspector's API. Parameters may have any value, because users can edit the URL."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

from signaling_sidecar.analysis.messages import Range
from signaling_sidecar.errors import Code

MAX_COUNT = 200  # rows or records in one answer


class BadQuery(Exception):
    """A parameter has a wrong value. The message names the parameter, and says what it must be."""

    code = Code.BAD_FIELD


def pair_of(request: web.Request) -> tuple[str, str] | None:
    """Return the ids or labels of two peers, or None. Each is percent-encoded, because it may contain a comma."""
    text = request.query.get("pair")
    if not text:
        return None
    peers = tuple(unquote(each) for each in text.split(","))
    if len(peers) != 2:
        raise BadQuery("`pair` must be the ids of two peers with a comma between them, each percent-encoded")
    return peers[0], peers[1]


def kinds_of(request: web.Request) -> frozenset[str]:
    """Return the kinds of rows of the ladder to which the request is limited, or an empty set if it wants all."""
    return frozenset(filter(None, request.query.get("kinds", "").split(",")))


def range_of(request: web.Request) -> Range:
    seq = _whole(request, "seq", 0) if request.query.get("seq") else None
    return Range(_whole(request, "from", 0), min(_whole(request, "count", MAX_COUNT), MAX_COUNT), seq)


def seq_of(request: web.Request) -> int:
    return _number("seq", request.match_info["seq"])


def _whole(request: web.Request, name: str, default: int) -> int:
    return _number(name, request.query.get(name) or str(default))


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadQuery(f"`{name}` must be a whole number that is not negative")
    return int(text)
