"""The line of code with which an app uses a dialect, for people to copy."""

from __future__ import annotations

from string import Template
from typing import NamedTuple

from signaling_sidecar.dialects.port import Dialect


class Address(NamedTuple):
    """Where the app finds the sidecar. All but `origin` are JavaScript."""

    start: str
    """The beginning of an expression with a URL, up to the quotation mark before the path."""
    host: str
    port: str
    secure: str
    origin: str
    """The beginning of the URL, as it is."""


def of_page(origin: str) -> Address:
    """The address for a page that Vite serves, which is the address of the page itself."""
    start = "location.origin.replace(/^http/, 'ws') + '"
    return Address(start, "location.hostname", "location.port", "location.protocol === 'https:'", origin)


def of_sidecar(host: str, port: int) -> Address:
    """The address for an app that connects to the sidecar's own port."""
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
