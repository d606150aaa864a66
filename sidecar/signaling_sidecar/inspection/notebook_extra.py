"""The error for an installation of the sidecar without the packages that a notebook needs."""

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
        return f"inspecting a log needs {self.package}: pip install 'signaling-sidecar[notebook]'"


@contextmanager
def notebook_extra() -> Iterator[None]:
    """Raise NotebookExtraMissing if an import in the `with` block fails, because a package of the extra is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        raise NotebookExtraMissing(error.name) from error
