"""The one sentence that somebody reads who has the sidecar, but not what a notebook needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_PACKAGES = frozenset({"pandas", "pyarrow", "ipywidgets", "anywidget"})


class NotebookExtraMissing(ImportError):
    """A package of the extra `notebook` is not installed in this Python environment."""

    def __init__(self, package: str) -> None:
        super().__init__(package, name=package)
        self.package = package

    def __str__(self) -> str:
        return f"looking into a log needs {self.package}: pip install 'signaling-sidecar[notebook]'"


@contextmanager
def notebook_extra() -> Iterator[None]:
    """Say which extra is missing when an import inside fails for want of it; any other failure stays what it is."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        raise NotebookExtraMissing(error.name) from error
