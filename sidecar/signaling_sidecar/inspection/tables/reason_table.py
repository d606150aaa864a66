"""A table of the reasons why peers are not connected, with their meaning and what to do about them."""

from __future__ import annotations

import html

from signaling_sidecar.diagnosis import ADVICE


class ReasonTable:
    """The result of `reasons()`. A notebook shows it as a table, and `print` shows it as text."""

    def __str__(self) -> str:
        return "\n".join(
            f"{reason}: {advice.meaning}" + ("" if advice.next_step is None else f"\n    → {advice.next_step}")
            for reason, advice in ADVICE.items()
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{_cell(f'<code>{reason}</code>')}{_cell(html.escape(advice.meaning))}"
            f"{_cell(html.escape(advice.next_step or ''))}</tr>"
            for reason, advice in ADVICE.items()
        )
        heads = "".join(f"<th>{head}</th>" for head in ("reason", "what it means", "what to do"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def reasons() -> ReasonTable:
    """List all reasons in `EventLog.pairs` and `sidecar why`, with their meaning and the next step."""
    return ReasonTable()


def _cell(content: str) -> str:
    return f'<td style="text-align:left">{content}</td>'
