"""What the HTML drawings have in common: the page's own ink and paper, and foreign text made safe.

Text has the page's own colour (`currentColor`, JupyterLab's variables); only lines and marks have colours, in tones
that stand out from white and from black alike.
"""

from __future__ import annotations

from html import escape

from signaling_sidecar.untrusted_text import shortened, visible

MAX_HEIGHT_PX = 620  # a laptop's screen less the notebook's own bars: then it scrolls
_CHARACTER_PX = 6.8  # of the 12 px text, on the wide side
INK = "color:var(--jp-content-font-color1,currentColor)"
FONT = "font:12px var(--jp-ui-font-family,system-ui,sans-serif)"


def framed(title: str, body: str) -> str:
    """Put a drawing under its title; `body` is HTML, `title` is not."""
    return f'<div style="{INK};{FONT};overflow:auto"><div style="margin:4px 0">{text(title)}</div>{body}</div>'


def svg(width: int, height: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" fill="currentColor"'
        f' style="display:block;max-width:none">{content}</svg>'
    )


def text(foreign: str) -> str:
    """Make foreign text visible, and text."""
    return escape(visible(foreign))


def cut(foreign: str, room_px: float, character_px: float = _CHARACTER_PX) -> str:
    """Make foreign text visible, short enough for its place, and text."""
    return escape(shortened(foreign, int(room_px / character_px)))
