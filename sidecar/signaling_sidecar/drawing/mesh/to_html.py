"""Draws a mesh as HTML with inline SVG: the peers on a circle, with a line for each pair that should connect.

The HTML needs no script and no style sheet, and suits light and dark pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from math import cos, pi, sin
from typing import NamedTuple

from signaling_sidecar.diagnosis import SIGNS, State
from signaling_sidecar.drawing.markup import BOLD_CHARACTER_PX, Meaning, framed, legend, scrolled, svg, text
from signaling_sidecar.drawing.mesh.links import Link, Links, Node
from signaling_sidecar.drawing.mesh.to_text import nobody, shown_name
from signaling_sidecar.untrusted_text import shown_width

_PEER_PX = 64  # least distance of two neighbouring peers on the circle, which keeps the lines apart
_LEAST_RADIUS_PX = 110
_NODE_PX = 7
_TO_NAME_PX = _NODE_PX + 8  # from the middle of a peer to its name
_NAME_LINE_PX = 15  # height of a name
_SIGNED_LINKS = 66  # 12 peers have so many links; more links of one state have no signs, which would hide lines
_FAINT = ' opacity=".3"'  # for links in a state of more than `_SIGNED_LINKS` links, so that failed links stay visible
_NAMED_ROUTES = 6  # peers; in a larger mesh, routes are named only in tooltips, because the names would hide lines
_ROUTE_CHARACTER_PX = 6.2  # width of a rather wide character in 11 px text
_RELAYED = "#8250df"  # the colour of a connection through a TURN server
_SENTENCES = 12  # the most sentences below the drawing; the pairs table has all of them


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
    """Draw a mesh for a page that has a title, scrolls the drawing, and lists the verdicts. If there are no peers, the
    result is empty."""
    return _drawing(links) + _legend(links) if links.nodes else ""


def _drawing(links: Links) -> str:
    circle = _Circle(len(links.nodes), max(_LEAST_RADIUS_PX, round(len(links.nodes) * _PEER_PX / (2 * pi))))
    names = [shown_name(node) for node in links.nodes]
    places = _name_places(circle)
    name_px = max(map(shown_width, names)) * BOLD_CHARACTER_PX
    width = round(2 * (circle.radius + _TO_NAME_PX + name_px))
    height = max(60, round(2 * (max(abs(y) for _, y in places) + _NAME_LINE_PX)))
    worst_last = sorted(links.links, key=_badness)  # failed links are on top of all others
    many = {state for state in State if links.count(state) > _SIGNED_LINKS}
    parts = [part for link in worst_last for part in _link(link, circle, many)]
    for at, node in enumerate(links.nodes):
        parts += _node(node, names[at], circle.place(at), places[at])
    return svg(width, height, f'<g transform="translate({width / 2},{height / 2})">{"".join(parts)}</g>')


class _Circle(NamedTuple):
    """The circle around the origin, on which the peers are placed."""

    peers: int
    radius: int

    def place(self, at: int, beyond: float = 0) -> tuple[float, float]:
        """Return the position of a peer. The first peer is on the left, so that two peers are side by side."""
        angle = pi + 2 * pi * at / self.peers
        return round((self.radius + beyond) * cos(angle), 1), round((self.radius + beyond) * sin(angle), 1)


def _name_places(circle: _Circle) -> Sequence[tuple[float, float]]:
    """Return the position of each name's text anchor: its beginning, its end or its middle.

    At the top and the bottom of the circle, neighbours have nearly the same height. There, a name is moved outwards by
    the height of a line, so that it does not overlap the name beside it.
    """
    places = [circle.place(at, _TO_NAME_PX) for at in range(circle.peers)]
    reached: dict[tuple[str, bool], float] = {}
    for at in sorted(range(circle.peers), key=lambda at: -abs(places[at][0])):
        x, y = places[at]
        beside = [(side, y < 0) for side in ("start", "end") if _anchor(x) in (side, "middle")]
        out = max(abs(y), *(reached.get(each, -_NAME_LINE_PX) + _NAME_LINE_PX for each in beside))
        reached.update(dict.fromkeys(beside, out))
        places[at] = (x, -out if y < 0 else out)
    return places


def _anchor(x: float) -> str:
    return "middle" if abs(x) < 1 else "end" if x < 0 else "start"


def _badness(link: Link) -> int:
    return _WORSE.index(link.state)


def _link(link: Link, circle: _Circle, many: Set[State]) -> Iterator[str]:
    (x1, y1), (x2, y2) = circle.place(link.one), circle.place(link.other)
    colour = _RELAYED if link.is_relayed else None
    faint = _FAINT if link.state in many - {State.FAILED} else ""
    yield f"<g{faint}><title>{text(link.sentence)}</title>{_line(link.state, x1, y1, x2, y2, colour)}"
    if link.state not in many | {State.CONNECTED}:
        # The sign is not at the middle of the line, because the lines of a large mesh cross there.
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


def _node(node: Node, name: str, place: tuple[float, float], name_place: tuple[float, float]) -> Iterator[str]:
    (x, y), (name_x, name_y) = place, name_place
    dashes = ' stroke-dasharray="3 2"' if node.is_away else ""
    about = f"{node.label} {node.peer}" + (", away" if node.is_away else "")
    yield f"<g><title>{text(about)}</title>"
    yield f'<circle cx="{x}" cy="{y}" r="{_NODE_PX}" fill="{"#d9822b" if node.is_away else "currentColor"}"{dashes}/>'
    yield f'<text x="{name_x}" y="{name_y + 4:.1f}" text-anchor="{_anchor(name_x)}" font-weight="600">'
    yield f"{text(name)}</text></g>"


def _legend(links: Links) -> str:
    """Explain the kinds of lines that are in the drawing."""
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
