"""If a user can correct an error of a command, the command prints one sentence and exits with code 2."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from signaling_sidecar.errors import NoHome
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR, run, run_here, serving, without_slow_steps


def test_a_port_in_use_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port), "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    sentence = f"sidecar: port {port} on 127.0.0.1 is already in use: stop the program that listens there, or "
    assert done.stderr == sentence + "choose another port with --port\n"


def test_a_second_sidecar_with_the_same_state_folder_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with serving(tmp_path):
        done = run_here("serve", "--port", "0", "--state-dir", str(tmp_path))
    assert done.returncode == 3  # by which the Vite plugin recognises this error
    assert done.stderr.startswith("sidecar: another sidecar is running")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("flags", [["--port", "x"], ["--host", "999.1.1.1"], ["--settings", "/nowhere"]])
def test_an_invalid_setting_is_reported_in_one_sentence(tmp_path: Path, flags: list[str]) -> None:
    done = run_here("serve", "--state-dir", str(tmp_path), *flags)
    assert done.returncode == 2
    assert done.stderr.startswith("sidecar: ")
    assert done.stderr.count("\n") == 1


CHOOSE_A_FOLDER = "choose a writable folder with --state-dir, SIDECAR_STATE_DIR or the Vite plugin's stateDir"
READS_STATE = [["rooms"], ["why"], ["tail", "--no-follow"], ["log"], ["log", "clear"], ["log", "export", "copy.jsonl"]]


def is_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    said = without_slow_steps(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert said.startswith("sidecar: ")
    assert words in said
    assert len(said.splitlines()) == 1, said


def make_file(place: Path) -> None:
    place.touch()


def make_below_a_file(place: Path) -> None:
    place.parent.touch()


def make_with_a_folder_for_its_lock(place: Path) -> None:
    (place / "lock").mkdir(parents=True)


def make_with_a_folder_for_its_runtime_file(place: Path) -> None:
    (place / "runtime.json").mkdir(parents=True)


@pytest.mark.parametrize(
    "make",
    [make_file, make_below_a_file, make_with_a_folder_for_its_lock, make_with_a_folder_for_its_runtime_file],
)
def test_an_unusable_state_folder_is_reported_in_one_sentence(tmp_path: Path, make: Callable[[Path], None]) -> None:
    place = tmp_path / "here" / "state"
    if make is not make_below_a_file:
        place.parent.mkdir()
    make(place)
    is_one_sentence(run_here("serve", "--port", "0", "--state-dir", str(place)), CHOOSE_A_FOLDER)


@pytest.mark.parametrize("make", [make_file, make_with_a_folder_for_its_runtime_file])
def test_a_worker_reports_an_unusable_state_folder_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    # A file in place of the state folder is noticed before the worker listens, a folder named runtime.json afterwards.
    make(tmp_path / "state")
    is_one_sentence(run("serve", "--port", "0", "--state-dir", str(tmp_path / "state"), "--reload"), CHOOSE_A_FOLDER)


def test_a_full_disk_is_reported_in_one_sentence(tmp_path: Path) -> None:
    limited = f"ulimit -f 0; exec {shlex.join(SIDECAR)} serve --port 0 --state-dir {shlex.quote(str(tmp_path))}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    is_one_sentence(done, CHOOSE_A_FOLDER)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no user database of this kind")
@pytest.mark.parametrize("command", [["serve", "--port", "0"], *READS_STATE])
def test_without_a_home_folder_one_sentence_tells_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    # In a container, the user database may not contain the id of the user. In this test, it contains no id.
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    done = run_here(*command, cwd=tmp_path)
    is_one_sentence(done, f"there is no home folder to store the state in: {CHOOSE_A_FOLDER}")


def test_without_a_home_folder_it_is_enough_to_name_a_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Older releases of platformdirs return a path that begins with `~` if there is no home folder.
    monkeypatch.setattr(state_dir.platformdirs, "user_state_dir", lambda _: "~/.local/state")
    with pytest.raises(NoHome):
        state_dir.project_state_dir(tmp_path)
    state_dir.point_to(tmp_path / "state", tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "sidecar.toml").write_text("state_dir = 'state'")
    assert find_state_dir(project=tmp_path).path == tmp_path / "state"


@pytest.fixture
def _deleted_folder(tmp_path: Path) -> Iterator[None]:
    """During the test, the current folder is one that has been deleted."""
    gone = tmp_path / "gone"
    gone.mkdir()
    with chdir(gone):
        gone.rmdir()
        yield


@pytest.mark.parametrize("command", [["serve", "--port", "0"], *READS_STATE, ["doctor"], ["notebook"]])
@pytest.mark.usefixtures("_deleted_folder")
def test_a_deleted_current_folder_is_reported_in_one_sentence(command: list[str]) -> None:
    is_one_sentence(run_here(*command), "the current folder no longer exists")


@pytest.mark.parametrize("command", [["dialects"], ["log", "schema"]])
@pytest.mark.usefixtures("_deleted_folder")
def test_a_command_that_reads_no_file_runs_in_a_deleted_folder(command: list[str]) -> None:
    done = run_here(*command)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every path is text")
def test_a_path_that_is_not_utf_8_is_reported_in_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    is_one_sentence(run_here("serve", "--port", "0", cwd=folder), "project must be a valid path to a folder")
    for command in READS_STATE:
        is_one_sentence(
            run_here(*command, cwd=folder, XDG_STATE_HOME=str(tmp_path / "state")), "no sidecar has run for"
        )
    is_one_sentence(run_here("log", "--state-dir", str(folder)), "no event log was found at")


def test_an_unreadable_file_is_named_in_one_sentence(tmp_path: Path) -> None:
    is_one_sentence(run_here("why", "--log", str(tmp_path / ("x" * 300))), "x' cannot be used: File name too long")


@pytest.mark.parametrize("host", ["a..b", "a" * 70])
def test_an_invalid_host_is_reported_in_one_sentence(tmp_path: Path, host: str) -> None:
    is_one_sentence(
        run_here("serve", "--host", host, "--state-dir", str(tmp_path)), "host must be an address of this machine"
    )


def test_a_terminal_that_cannot_show_a_character_shows_its_number(tmp_path: Path) -> None:
    shown = run("doctor", "--state-dir", str(tmp_path), PYTHONIOENCODING="ascii")
    assert shown.stdout.startswith("\\u2717 no sidecar is running")
    assert "Traceback" not in shown.stderr


CTRL_C_DURING = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from signaling_sidecar.cli import main
sys.exit(main(["tail"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT that a process can send to itself")
@pytest.mark.parametrize("module", ["signaling_sidecar.errors", "signaling_sidecar.cli.tail"])
def test_ctrl_c_while_a_command_is_starting_leaves_no_traceback(module: str) -> None:
    command = [sys.executable, "-c", CTRL_C_DURING, module]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False, env=os.environ | PYTHON_PATH)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(
    ("command", "unneeded"), [("--version", "signaling_sidecar.cli.serve"), ("log", "signaling_sidecar.dialects")]
)
def test_a_quick_command_does_not_import_what_it_does_not_need(tmp_path: Path, command: str, unneeded: str) -> None:
    code = (
        "import sys; from signaling_sidecar.cli import main\n"
        f"try: main([{command!r}])\nexcept SystemExit: pass\n"
        f"assert {unneeded!r} not in sys.modules"
    )
    env = os.environ | PYTHON_PATH
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stderr
