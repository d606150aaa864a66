"""Show the progress of a long computation: a bar in a notebook, a line in a terminal, and nothing elsewhere.

The progress appears only if the whole computation will probably take longer than a second. The display is
removed at the end, because the saved outputs of a notebook must not contain it. In a notebook, the display is an HTML
output that is replaced by an empty one at the end. A widget is not used, because a closed widget would leave its model
in the saved outputs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from html import escape
from types import TracebackType
from typing import Protocol, TypeVar
from uuid import uuid4

LONG_S = 1.0
_SURE_AFTER_S = 0.3  # seconds; until then the speed is no basis for an estimate, because modules may have been imported
_EVERY_S = 0.1  # seconds between two changes of the display
_BAR_CELLS = 30

_Item = TypeVar("_Item")


class _Display(Protocol):
    def show(self, what: str, share: float) -> None: ...

    def remove(self) -> None: ...


class Progress:
    """The progress of one computation, which has `total` steps. This class must be used in a `with` statement.

    With `is_long`, the progress is shown from the beginning. Set `is_long` if the first step may take long.
    """

    def __init__(self, what: str, total: int, *, is_long: bool) -> None:
        self._what, self._total, self._is_long = what, total, is_long
        self._display: _Display | None = None

    def __enter__(self) -> Progress:
        self._began_s = self._shown_s = time.monotonic()
        if self._is_long:
            self._show(0.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._display is not None:
            self._display.remove()

    def reached(self, done: int) -> None:
        """Report that `done` steps are done."""
        share, now_s = done / self._total, time.monotonic()
        if self._display is not None:
            if now_s - self._shown_s >= _EVERY_S:
                self._show(share)
        elif now_s - self._began_s >= _SURE_AFTER_S and now_s - self._began_s > share * LONG_S:
            self._show(share)

    def through(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items, and count each item as one step."""
        for done, item in enumerate(items, 1):
            self.reached(done)
            yield item

    def _show(self, share: float) -> None:
        self._shown_s = time.monotonic()
        self._display = self._display or _find_display()
        if self._display is not None:
            self._display.show(self._what, share)


class _Terminal:
    def show(self, what: str, share: float) -> None:
        done = "#" * int(_BAR_CELLS * share)
        sys.stderr.write(f"\r{what} [{done:{_BAR_CELLS}}] {share:4.0%}")
        sys.stderr.flush()

    def remove(self) -> None:
        sys.stderr.write("\r\x1b[K")  # ECMA-48: erase to the line's end
        sys.stderr.flush()


class _Notebook:
    def __init__(self) -> None:
        self._id = uuid4().hex
        self._is_shown = False

    def show(self, what: str, share: float) -> None:
        self._display(f"<progress value='{share:.2f}'></progress> {escape(what)}")

    def remove(self) -> None:
        self._display("")

    def _display(self, html: str) -> None:
        from IPython.display import publish_display_data  # a notebook has it

        transient = {"display_id": self._id}
        publish_display_data({"text/html": html}, transient=transient, update=self._is_shown)  # type: ignore[no-untyped-call]
        self._is_shown = True


def _find_display() -> _Display | None:
    if _is_notebook():
        return _Notebook()
    return _Terminal() if sys.stderr.isatty() else None


def _is_notebook() -> bool:
    # The kernel's module is loaded only in a notebook.
    kernel = sys.modules.get("ipykernel.zmqshell")
    ipython = sys.modules.get("IPython")
    return kernel is not None and ipython is not None and isinstance(ipython.get_ipython(), kernel.ZMQInteractiveShell)
