"""What the sidecar says to people over plain HTTP."""

from __future__ import annotations

import functools
from pathlib import Path

_PARTS = Path(__file__).with_name("assets")
_SCRIPTS = ("elements", "rooms", "people", "trial", "findings", "page")


def status_page(nonce: str) -> str:
    """What a browser shows of the WebSocket endpoint. `nonce` is what lets its own script and style run."""
    return _template().replace("{{nonce}}", nonce)


def headers(nonce: str) -> dict[str, str]:
    """The page runs only its own script, talks only to where it came from, and is in nobody's frame."""
    own = f"'nonce-{nonce}'"
    policy = (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@functools.cache
def _template() -> str:
    """The page as one file, without its nonce."""
    style = (_PARTS / "page.css").read_text("utf-8")
    script = "\n".join((_PARTS / f"{name}.js").read_text("utf-8") for name in _SCRIPTS)
    return (_PARTS / "page.html").read_text("utf-8").replace("{{style}}", style).replace("{{script}}", script)
