"""`sidecar notebook` copies the notebooks for users who have installed the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_sidecar.cli import main, notebook


def test_it_writes_the_notebooks_and_their_recorded_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["notebook", "--no-open"]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.ipynb")) == [
        "01-read-a-log.ipynb",
        "02-why-not-connected.ipynb",
        "03-live-admin.ipynb",
    ]
    assert sorted(path.name for path in (tmp_path / "recorded").iterdir()) == ["seven-faults", "three-peers"]
    assert "wrote 01-read-a-log.ipynb" in capsys.readouterr().out


def test_it_never_overwrites_a_changed_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "01-read-a-log.ipynb"
    mine.write_text("mine")
    assert main(["notebook", "--no-open"]) == 0
    assert mine.read_text() == "mine"
    assert "01-read-a-log.ipynb already exists" in capsys.readouterr().out


def test_without_jupyterlab_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(notebook, "find_spec", lambda name: None)
    assert main(["notebook"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("to open the notebooks: pip install")
