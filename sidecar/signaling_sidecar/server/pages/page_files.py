"""Builds the HTML of the status page, and the response headers that protect it."""

from __future__ import annotations

import functools
from pathlib import Path

FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""The headers of responses that no cache may keep."""
_PARTS = Path(__file__).with_name("assets")
PALETTE = _PARTS / "palette.css"
_SCRIPTS = ("elements", "rooms", "people", "trial", "findings", "page")


def status_page(nonce: str) -> str:
    """Return the HTML of the page. Its content security policy only allows scripts and styles with this nonce."""
    return _template().replace("{{nonce}}", nonce)


def headers(nonce: str) -> dict[str, str]:
    """Return headers with which the page can only run its own script and only connect to its own origin, and cannot be
    framed."""
    own = f"'nonce-{nonce}'"
    policy = (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {**FRESH, "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}


@functools.cache
def _template() -> str:
    """Return the page with its styles and scripts inserted, but with a placeholder for the nonce."""
    style = PALETTE.read_text("utf-8") + (_PARTS / "page.css").read_text("utf-8")
    script = "\n".join((_PARTS / f"{name}.js").read_text("utf-8") for name in _SCRIPTS)
    return (_PARTS / "page.html").read_text("utf-8").replace("{{style}}", style).replace("{{script}}", script)
