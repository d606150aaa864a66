"""Writes a ladder as a Mermaid sequence diagram."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from signaling_sidecar.drawing.ladder.steps import Column, Look, Step
from signaling_sidecar.untrusted_text import visible

# In names and labels, characters that may have a meaning in Mermaid's syntax are written as `#<code point>;`. Examples
# of such text are `;`, `#`, `%%`, `<br>`, `:` and `end`.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .,()·_/+-]|\bend\b", re.IGNORECASE)


def ladder_mermaid(columns: Sequence[Column], steps: Sequence[Step]) -> str:
    """Write the diagram. Every text in it is escaped."""
    lines = [f"    participant p{at} as {_plain(column.name or column.peer)}" for at, column in enumerate(columns)]
    for step in steps:
        lines += (f"    {line}" for line in _lines(step, len(columns)))
    return "\n".join(["sequenceDiagram", *lines]) + "\n"


def _lines(step: Step, columns: int) -> Iterator[str]:
    label = _plain(step.label)
    if step.column is None:
        if columns:
            yield f"Note over p0,p{columns - 1}: {label}"
    elif not step.to:
        yield f"Note over p{step.column}: {label}"
    else:
        arrow = "--x" if step.look is Look.REFUSED else "->>"
        for to in step.to:
            yield f"p{step.column}{arrow}p{to}: {label}"


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub(lambda found: "".join(f"#{ord(c)};" for c in found[0]), visible(text)) or "#32;"
