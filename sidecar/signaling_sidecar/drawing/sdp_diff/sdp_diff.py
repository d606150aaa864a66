"""The difference of two session descriptions, as a unified diff and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signaling_sidecar.drawing.sdp_diff.sections import Mark, Row, Section, compare
from signaling_sidecar.drawing.sdp_diff.to_html import sdp_diff_html
from signaling_sidecar.untrusted_text import visible


class SdpDiff:
    """Two session descriptions side by side, section by section. ICE credentials and fingerprints are shortened.

    A notebook shows two columns, and `print` shows a unified diff. Neither needs the network or a script.
    """

    def __init__(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """Compare two descriptions, each given as a title and its SDP."""
        (self.title, sdp), (self.other_title, other_sdp) = one, other
        self.sections: Sequence[Section] = compare(sdp, other_sdp)

    def __str__(self) -> str:
        return "\n".join([f"--- {visible(self.title)}", f"+++ {visible(self.other_title)}", *self._lines()])

    __repr__ = __str__

    def to_html(self) -> str:
        """Return the difference as one HTML element, which loads nothing and suits light and dark pages."""
        return sdp_diff_html(self.title, self.other_title, self.sections)

    _repr_html_ = to_html

    def _lines(self) -> Iterator[str]:
        for section in self.sections:
            yield f"@@ {visible(section.title)} @@"
            for row in section.rows:
                yield from _unified(row)


def _unified(row: Row) -> Iterator[str]:
    if row.mark is Mark.SAME:
        yield f" {visible(row.one or '')}"
        return
    if row.one is not None:
        yield f"-{visible(row.one)}"
    if row.other is not None:
        yield f"+{visible(row.other)}"
