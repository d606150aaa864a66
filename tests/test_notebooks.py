"""Every notebook runs from top to bottom in a new kernel, and its file in the repository contains no outputs."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from tests.kit.checkout import NOTEBOOKS
from tests.kit.executed_notebook import TIMEOUT_S, executed_notebook

every_notebook = pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)


@every_notebook
@pytest.mark.filterwarnings("default")  # warnings of the kernel are no errors; those of cells are
def test_a_notebook_runs_from_top_to_bottom_without_an_error_or_a_warning(
    tmp_path_factory: pytest.TempPathFactory, path: Path
) -> None:
    import nbformat

    notebook = nbformat.read(executed_notebook(tmp_path_factory, path.name), as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


@pytest.mark.filterwarnings("default")
def test_a_cell_that_runs_again_does_not_wait_for_ever() -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOKS / "03-live-admin.ipynb", as_version=4)
    notebook.cells = [copy for cell in notebook.cells for copy in (cell, deepcopy(cell))]
    # A cell that waits for ever would raise CellTimeoutError even with `allow_errors`.
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, timeout=TIMEOUT_S, allow_errors=True, resources=resources).execute()
    errors = [each for cell in notebook.cells for each in cell.get("outputs", []) if each.output_type == "error"]
    # Each cell is there twice, and the second copy of one cell tries to kick Ben again.
    assert [error.evalue for error in errors] == ["no-such-peer: no other peer 'ben' in this room"]


@pytest.mark.filterwarnings("default")
def test_the_panel_shows_the_room_also_if_all_cells_run_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    import nbformat

    notebook = nbformat.read(executed_notebook(tmp_path_factory, "03-live-admin.ipynb"), as_version=4)
    widgets = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    lists = [widget["state"]["_options_labels"] for widget in widgets if widget["model_name"] == "SelectModel"]
    assert [f"bar · rooms · {peers}" for peers in ("2 peers", "1 peer") if [f"bar · rooms · {peers}"] in lists], lists


@every_notebook
def test_a_notebook_is_converted_to_a_python_file(path: Path) -> None:
    from nbconvert import ScriptExporter

    text, resources = ScriptExporter().from_filename(path)
    assert resources["output_extension"] == ".py"
    assert text.startswith("#")


@every_notebook
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
