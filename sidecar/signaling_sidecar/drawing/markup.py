"""Contains what all HTML drawings share: colours for light and dark pages, and the escaping of untrusted text.

Text has the colour of the page (`currentColor`, or JupyterLab's variables). Lines and marks have colours that are
readable on white and on black.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from signaling_sidecar.untrusted_text import shortened, visible

MAX_HEIGHT_PX = 620  # px that a laptop's screen leaves for a notebook's drawing; a higher drawing scrolls
_CHARACTER_PX = 6.8  # width of a rather wide character in 12 px text
BOLD_CHARACTER_PX = 8.2  # width of a rather wide character in bold 12 or 13 px text
_WIDE_CHARACTER_PX = 8.0  # in any short word, the characters are on average less wide
INK = "color:var(--jp-content-font-color1,currentColor)"
FONT = "font:12px var(--jp-ui-font-family,system-ui,sans-serif)"


def framed(title: str, body: str) -> str:
    """Put a drawing under its title. `body` is HTML, and `title` is text that this function escapes."""
    return f'<div style="{INK};{FONT}"><div style="margin:4px 0">{text(title)}</div>{body}</div>'


def scrolled(name: str, content: str, *, style: str = "", marks: str = "") -> str:
    """Put HTML into an element that scrolls, also with the keyboard. `name` is for a screen reader, and this function
    escapes it. `marks` are further attributes."""
    about = f'tabindex="0" role="group" aria-label="{text(name)}"'
    return f'<div {about}{marks} style="overflow:auto{style}">{content}</div>'


def svg(width: int, height: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" fill="currentColor"'
        f' style="display:block;max-width:none">{content}</svg>'
    )


class Meaning(NamedTuple):
    """An entry of a legend: a sign, and the word for it. The word begins `word_px` from the left edge of the entry."""

    sign: str
    word: str
    word_px: int


def legend(meanings: Iterable[Meaning]) -> str:
    """Return the legend of a drawing, in as many lines as the width of the page requires."""
    drawn = (
        svg(
            round(word_px + len(word) * _WIDE_CHARACTER_PX), 26, f'{sign}<text x="{word_px}" y="17">{text(word)}</text>'
        )
        for sign, word, word_px in meanings
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 16px">{"".join(drawn)}</div>'


def text(untrusted: str) -> str:
    """Make untrusted text visible, and escape it for HTML."""
    return escape(visible(untrusted))


def cut(untrusted: str, room_px: float, character_px: float = _CHARACTER_PX) -> str:
    """Make untrusted text visible, shorten it to `room_px`, and escape it for HTML."""
    return escape(shortened(untrusted, int(room_px / character_px)))
