"""How far a long load is: a bar in a notebook, one line in a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LONG_LOAD_BYTES = 64_000_000  # on disk; takes half a second or more, which is when one begins to wonder
_BAR_CELLS = 30


def with_progress(segments: Sequence[Path]) -> Iterator[Path]:
    """Yield the segments and show how many were taken, when they are many bytes; what was shown is gone at the end."""
    size_bytes = sum(segment.stat().st_size for segment in segments if segment.exists())
    if size_bytes < LONG_LOAD_BYTES:
        return iter(segments)
    if _is_notebook():
        return _in_notebook(segments)
    return _in_terminal(segments) if sys.stderr.isatty() else iter(segments)


def _is_notebook() -> bool:
    # Only there is a kernel loaded already; and without ipywidgets there is nothing to show it with.
    kernel = sys.modules.get("ipykernel.zmqshell")
    ipython = sys.modules.get("IPython")
    return kernel is not None and ipython is not None and isinstance(ipython.get_ipython(), kernel.ZMQInteractiveShell)


def _in_notebook(segments: Sequence[Path]) -> Iterator[Path]:
    try:
        import ipywidgets
        from IPython.display import display
    except ModuleNotFoundError:
        yield from segments
        return
    bar = ipywidgets.IntProgress(0, 0, len(segments), description="reading")
    display(bar)  # type: ignore[no-untyped-call]
    try:
        for number, segment in enumerate(segments):
            bar.value = number
            yield segment
    finally:
        bar.close()


def _in_terminal(segments: Sequence[Path]) -> Iterator[Path]:
    try:
        for number, segment in enumerate(segments):
            done = "#" * (_BAR_CELLS * number // len(segments))
            sys.stderr.write(f"\rreading [{done:{_BAR_CELLS}}] {number + 1} of {len(segments)}")
            sys.stderr.flush()
            yield segment
    finally:
        sys.stderr.write("\r\x1b[K")  # ECMA-48: erase to the line's end
        sys.stderr.flush()
