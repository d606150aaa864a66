"""Print a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.untrusted_text import shown_width


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns. Text from peers must have been passed through `visible` before."""
    widths = [max(map(shown_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - shown_width(cell)) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
