"""One line of characters in a terminal, addressed by its cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from signaling_sidecar.untrusted_text import shown_width

_RESET = "\x1b[0m"  # ECMA-48, 8.3.117


class Cells:
    """A line in which text can be written at any cell, and overwrites earlier text.

    A wide character takes two cells, of which the second is empty. A combining character is in the cell of the
    character before it.
    """

    def __init__(self, count: int) -> None:
        self._texts = [" "] * count
        self._colours = [""] * count

    def write(self, cell: int, text: str, *, colour: str = "") -> None:
        """Write visible text from `cell` on. `colour` is an escape code. The line grows when the text needs it."""
        texts = _cells_of(text)
        self._texts[cell : cell + len(texts)] = texts
        self._colours[cell : cell + len(texts)] = [colour] * len(texts)

    def write_centred(self, cell: int, text: str) -> None:
        self.write(cell - shown_width(text) // 2, text)

    def shown(self, width: int | None, *, colour: bool) -> str:
        """Return the line without spaces at its end, cut with an ellipsis if it is longer than `width` cells."""
        texts = self._texts[: _length(self._texts)]
        if width is not None and len(texts) > width:
            texts = self._texts[: width - 1]
            if self._texts[width - 1] == "":  # the cut is in the middle of a wide character
                texts[-1] = " "
            texts.append("…")
        if not colour:
            return "".join(texts)
        return "".join(_painted(texts, self._colours))


def _cells_of(text: str) -> list[str]:
    cells: list[str] = []
    for character in text:
        match shown_width(character):
            case 2:
                cells += [character, ""]
            case 0 if cells:
                cells[-1 if cells[-1] else -2] += character
            case _:
                cells.append(character)
    return cells


def _length(texts: Sequence[str]) -> int:
    """Count the cells up to the last one that is not a space."""
    return next((at + 1 for at in reversed(range(len(texts))) if texts[at] != " "), 0)


def _painted(texts: Sequence[str], colours: Sequence[str]) -> list[str]:
    parts = []
    for colour, group in groupby(zip(texts, colours, strict=False), key=lambda cell: cell[1]):
        part = "".join(text for text, _ in group)
        parts.append(f"{colour}{part}{_RESET}" if colour else part)
    return parts
