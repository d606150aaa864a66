"""Shows the progress of a long load: a bar in a notebook, a line in a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LONG_LOAD_BYTES = 64_000_000  # on disk; loading them takes half a second or more
_BAR_CELLS = 30


def with_progress(segments: Sequence[Path]) -> Iterator[Path]:
    """Yield the segments, and show the progress if they are large. The display is removed at the end."""
    size_bytes = sum(segment.stat().st_size for segment in segments if segment.exists())
    if size_bytes < LONG_LOAD_BYTES:
        return iter(segments)
    if _is_notebook():
        return _in_notebook(segments)
    return _in_terminal(segments) if sys.stderr.isatty() else iter(segments)


def _is_notebook() -> bool:
    # The kernel's module is loaded only in a notebook.
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
