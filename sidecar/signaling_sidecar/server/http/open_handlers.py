"""Marks request handlers that need no access token, or that check the token themselves.

If the sidecar requires tokens, a request for any other handler is refused unless it has a valid token
(`authorisation/token_required.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def open_to_all(handler: _Handler) -> _Handler:
    """Mark a handler that needs no access token: its response contains nothing about rooms or peers, or the handler
    checks the request itself."""
    handler.needs_no_token = True  # type: ignore[attr-defined]
    return handler


def needs_no_token(handler: object) -> bool:
    return getattr(handler, "needs_no_token", False)


def with_token_in(parameters: Collection[str], handler: _Handler) -> _Handler:
    """Mark a handler whose clients send their tokens in parameters of the URL (`Dialect.token_parameters`)."""
    handler.token_parameters = parameters  # type: ignore[attr-defined]
    return handler


def token_parameters(handler: object) -> Collection[str]:
    return getattr(handler, "token_parameters", ())


def of_handshakes(handler: _Handler) -> _Handler:
    """Mark a handler that checks the token of a handshake itself, because in some wire protocols the token comes later,
    in a frame."""
    handler.checks_handshakes = True  # type: ignore[attr-defined]
    return handler


def checks_handshakes(handler: object) -> bool:
    return getattr(handler, "checks_handshakes", False)
