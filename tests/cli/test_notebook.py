"""`sidecar notebook` copies the notebooks for users who have installed the package."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from signaling_sidecar.cli import main, notebook
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR


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


ASKS_AT_CTRL_C = """
import os, signal, sys

# A signal may interrupt `print`, so its handler must not call `print`.
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"Shut down this Jupyter server (y/[n])?\\n"))
print("serving", flush=True)
print("saved" if sys.stdin.readline() == "y\\n" else "nothing", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a group of processes")
def test_ctrl_c_is_left_to_jupyterlab_which_asks_before_it_ends(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "jupyterlab.py").write_text(ASKS_AT_CTRL_C)
    (tmp_path / "signal.py").write_text("raise RuntimeError  # a file of the user, which is no module of JupyterLab\n")
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "modules"), PYTHON_PATH["PYTHONPATH"]])}
    env = os.environ | path
    command, pipe = [*SIDECAR[:1], "-P", *SIDECAR[1:], "notebook"], subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, cwd=tmp_path, env=env, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        assert process.stdout.readline().startswith("wrote ")
        while (line := process.stdout.readline()) != "serving\n":
            assert line.startswith("wrote ")
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            assert process.stdout.readline() == "Shut down this Jupyter server (y/[n])?\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)  # Python ends a child process a quarter of a second after Ctrl-C, unless told otherwise
        process.stdin.write("y\n")
        process.stdin.flush()
        assert process.stdout.readline() == "saved\n"
        assert process.wait() == 0
        watchdog.cancel()
