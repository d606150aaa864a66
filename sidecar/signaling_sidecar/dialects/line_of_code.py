"""Writes the line of JavaScript (for `matchbox`, of Rust) with which an app connects in a dialect, for people to
copy."""

from __future__ import annotations

from string import Template
from typing import NamedTuple

from signaling_sidecar.dialects.port import Dialect


class Address(NamedTuple):
    """The parts of the sidecar's address for the line of code. All except `origin` are JavaScript code."""

    start: str
    """The beginning of the expression for the WebSocket's URL. It ends inside of a string, where the path is
    appended."""
    host: str
    port: str
    secure: str
    origin: str
    """The beginning of the URL as plain text, such as `ws://localhost:5173`."""


def of_page(origin: str) -> Address:
    """Return the address for a page that Vite serves. Its expressions read the address from the page's `location`."""
    start = "location.origin.replace(/^http/, 'ws') + '"
    return Address(start, "location.hostname", "location.port", "location.protocol === 'https:'", origin)


def of_sidecar(host: str, port: int) -> Address:
    """Return the address for an app that connects to the sidecar's own port, not through Vite."""
    bracketed = f"[{host}]" if ":" in host else host
    origin = f"ws://{bracketed}:{port}"
    return Address(f"'{origin}", f"'{bracketed}'", f"{port}", "false", origin)


def line_of_code(dialect: Dialect, address: Address) -> str:
    path, ids = dialect.paths[0], ""
    if dialect.query is not None:
        path, ids = f"{path}?{dialect.query}=", f" + {dialect.query}"
    return Template(dialect.line or "new WebSocket($url)").substitute(
        address._asdict(), url=f"{address.start}{path}'{ids}"
    )
