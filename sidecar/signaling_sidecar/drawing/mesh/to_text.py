"""Draws a mesh with characters: a matrix, and a sentence for each pair that should connect."""

from __future__ import annotations

from collections.abc import Iterator

from signaling_sidecar.diagnosis import SIGNS
from signaling_sidecar.drawing.mesh.links import Links, Node
from signaling_sidecar.untrusted_text import shortened, shown_width, visible

_NAME_CELLS = 24


def mesh_text(title: str, links: Links) -> str:
    """Draw a mesh as text. Control characters and line breaks in text from peers are made visible. The row and
    the column of a peer have the same number."""
    if not links.nodes:
        return f"{visible(title)}\n\n{nobody(links)}"
    legend = "  ".join(f"{sign} {state} {links.count(state)}" for state, sign in SIGNS.items())
    sentences = [f"{SIGNS[link.state]} {visible(link.sentence)}" for link in links.links]
    return "\n".join([visible(title), "", *_matrix(links), "", legend, *sentences])


def nobody(links: Links) -> str:
    """Return a sentence that says that the room is empty, and at which time it had the most peers.

    That time is in seconds since the first record, so that the reader can pass it to `EventLog.mesh`.
    """
    return f"no peer is in the room at this time; most peers were in it at +{links.busiest_s:.3f} s"


def shown_name(node: Node) -> str:
    """Return the label of a peer as visible text, and whether the peer is away. A long label is shortened."""
    away = " (away)" if node.is_away else ""
    return shortened(node.label, _NAME_CELLS - len(away)) + away


def _matrix(links: Links) -> Iterator[str]:
    names = [shown_name(node) for node in links.nodes]
    width = max(map(shown_width, names))
    number_cells = len(str(len(names)))
    signs = {pair: SIGNS[link.state] for link in links.links for pair in ((link.one, link.other), link[1::-1])}
    numbers = range(len(names))
    yield " " * (number_cells + 1 + width) + "".join(f"  {at + 1:>{number_cells}}" for at in numbers)
    for at, name in enumerate(names):
        cells = ("·" if other == at else signs.get((at, other), " ") for other in numbers)
        padding = " " * (width - shown_width(name))
        yield f"{at + 1:>{number_cells}} {name}{padding}" + "".join(f"  {cell:>{number_cells}}" for cell in cells)
