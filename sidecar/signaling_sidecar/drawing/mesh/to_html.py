"""A mesh as HTML with inline SVG: the peers on a circle, with a line for each pair.

It needs no script and no style sheet, and suits light and dark pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, pi, sin
from typing import NamedTuple

from signaling_sidecar.diagnosis import SIGNS, State
from signaling_sidecar.drawing.markup import Meaning, cut, framed, legend, scrolled, svg, text
from signaling_sidecar.drawing.mesh.links import Link, Links, Node
from signaling_sidecar.drawing.mesh.to_text import nobody

_LABEL_PX = 170  # width of a name beside the circle
_PEER_PX = 64  # least distance of two neighbours on the circle, which keeps the lines apart
_LEAST_RADIUS_PX = 110
_NODE_PX = 7
_SIGNED_LINKS = 66  # links of 12 peers; with more, the signs on the links would hide the lines
_NAMED_ROUTES = 6  # peers; in a larger mesh the words would hide the lines, and the title of each line has them
_ROUTE_CHARACTER_PX = 6.2  # width of a rather wide character in 11 px text
_RELAYED = "#8250df"  # the colour of a connection through a TURN server
_SENTENCES = 12  # sentences below the drawing; the pairs table has all of them


_WORSE = (State.CONNECTED, State.UNKNOWN, State.TRYING, State.FAILED)


class _Stroke(NamedTuple):
    colour: str
    dashes: str
    width: float


_STROKES = {
    State.CONNECTED: _Stroke("#219653", "", 2.5),
    State.TRYING: _Stroke("#2f80ed", "9 5", 2),
    State.FAILED: _Stroke("#e5484d", "3 4", 2),
    State.UNKNOWN: _Stroke("#8b929c", "10 4 2 4", 1.5),
}


def mesh_html(title: str, links: Links) -> str:
    """Draw a mesh as HTML. Control characters in text from peers are made visible, and the text is escaped."""
    if not links.nodes:
        return framed(title, f'<div style="margin:12px 4px;opacity:.75">{nobody(links)}</div>')
    return framed(title, scrolled("Mesh", _drawing(links)) + _legend(links) + "".join(_sentences(links)))


def mesh_drawing(links: Links) -> str:
    """Draw a mesh for a page that has a title, scrolls the drawing, and lists the verdicts. It is empty without a
    peer."""
    return _drawing(links) + _legend(links) if links.nodes else ""


def _drawing(links: Links) -> str:
    radius = max(_LEAST_RADIUS_PX, round(len(links.nodes) * _PEER_PX / (2 * pi)))
    width, height = 2 * (radius + _LABEL_PX), 2 * radius + 60 if len(links.nodes) > 2 else 60
    circle = _Circle(len(links.nodes), radius, width / 2, height / 2)
    signed = len(links.links) <= _SIGNED_LINKS
    worst_last = sorted(links.links, key=_badness)  # on top of the others
    parts = [part for link in worst_last for part in _link(link, circle, signed=signed)]
    parts += [part for at, node in enumerate(links.nodes) for part in _node(at, node, circle)]
    return svg(width, height, "".join(parts))


class _Circle(NamedTuple):
    peers: int
    radius: int
    x: float
    y: float

    def place(self, at: int, radius: float | None = None) -> tuple[float, float]:
        """Return the position of a peer. The first one is on the left, so that two peers are side by side."""
        angle = pi + 2 * pi * at / self.peers
        radius = self.radius if radius is None else radius
        return round(self.x + radius * cos(angle), 1), round(self.y + radius * sin(angle), 1)


def _badness(link: Link) -> int:
    return _WORSE.index(link.state)


def _link(link: Link, circle: _Circle, *, signed: bool) -> Iterator[str]:
    (x1, y1), (x2, y2) = circle.place(link.one), circle.place(link.other)
    colour = _RELAYED if link.is_relayed else None
    yield f"<g><title>{text(link.sentence)}</title>{_line(link.state, x1, y1, x2, y2, colour)}"
    if signed and link.state is not State.CONNECTED:
        # The position is away from the middle, because the lines of a large mesh cross there.
        yield _sign(link.state, x1 + (x2 - x1) * 0.4, y1 + (y2 - y1) * 0.4)
    if link.route is not None and circle.peers <= _NAMED_ROUTES:
        yield _route(link.route, x1 + (x2 - x1) * 0.4, y1 + (y2 - y1) * 0.4, colour or _STROKES[link.state].colour)
    yield "</g>"


def _route(route: str, x: float, y: float, colour: str) -> str:
    width = len(route) * _ROUTE_CHARACTER_PX + 12
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="18" rx="9" fill="{colour}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" fill="#fff" font-size="11">{text(route)}</text>'
    )


def _line(state: State, x1: float, y1: float, x2: float, y2: float, other_colour: str | None = None) -> str:
    colour, dashes, width = _STROKES[state]
    colour = other_colour or colour
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _sign(state: State, x: float, y: float) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{_STROKES[state].colour}"/><text x="{x:.1f}" y="{y + 4:.1f}"'
        f' text-anchor="middle" fill="#fff" font-weight="700">{SIGNS[state]}</text>'
    )


def _node(at: int, node: Node, circle: _Circle) -> Iterator[str]:
    x, y = circle.place(at)
    label_x, label_y = circle.place(at, circle.radius + _NODE_PX + 8)
    across = label_x - circle.x
    anchor = "middle" if abs(across) < circle.radius * 0.2 else "end" if across < 0 else "start"
    down = 4 if anchor != "middle" else 10 if label_y > circle.y else 0
    dashes = ' stroke-dasharray="3 2"' if node.is_away else ""
    about = f"{node.label} {node.peer}" + (", away" if node.is_away else "")
    yield f"<g><title>{text(about)}</title>"
    yield f'<circle cx="{x}" cy="{y}" r="{_NODE_PX}" fill="{"#d9822b" if node.is_away else "currentColor"}"{dashes}/>'
    name = f"{node.label} (away)" if node.is_away else node.label
    yield f'<text x="{label_x}" y="{label_y + down:.1f}" text-anchor="{anchor}" font-weight="600">'
    yield f"{cut(name, _LABEL_PX - _NODE_PX - 12)}</text></g>"


def _legend(links: Links) -> str:
    """Explain the lines that there are."""
    meanings = [Meaning(_sample(state), f"{state} {count}", 48) for state in State if (count := links.count(state))]
    relayed = sum(link.is_relayed for link in links.links)
    if relayed:
        line = _line(State.CONNECTED, 0, 13, 40, 13, _RELAYED)
        meanings.append(Meaning(line, f"through a TURN server (relay) {relayed}", 48))
    return legend(meanings)


def _sample(state: State) -> str:
    line = _line(state, 0, 13, 40, 13)
    return line if state is State.CONNECTED else line + _sign(state, 20, 13)


def _sentences(links: Links) -> Iterator[str]:
    told = sorted((link for link in links.links if link.state is not State.CONNECTED), key=_badness, reverse=True)
    for link in told[:_SENTENCES]:
        yield f'<div style="margin:2px 8px">{SIGNS[link.state]} {text(link.sentence)}</div>'
    if len(told) > _SENTENCES:
        yield f'<div style="margin:2px 8px">and {len(told) - _SENTENCES} more pairs</div>'
