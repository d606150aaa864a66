"""`sidecar rooms` lists the rooms of the running sidecar."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kit.broken_admin import BROKEN, broken_admin
from tests.kit.sidecar_command import PYTHON_PATH, SIDECAR, join, run_here, serving


def test_it_lists_the_rooms_with_the_number_of_peers(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        empty = run_here("rooms", "--state-dir", str(tmp_path))
        assert empty.stdout == "there are no rooms\n"
        join(sidecar.ready["url"], "bar", "a")
        join(sidecar.ready["url"], "bar", "b")
        shown = run_here("rooms", "--state-dir", str(tmp_path)).stdout
        assert shown == "room  dialect  peers\nbar   rooms    2 of 100\n"
        listed = json.loads(run_here("rooms", "--state-dir", str(tmp_path), "--json").stdout)
        assert [(room["room"], [peer["peer"] for peer in room["peers"]]) for room in listed] == [("bar", ["a", "b"])]
    done = run_here("rooms", "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert "no sidecar is running" in done.stderr


def test_the_admins_token_is_not_sent_through_the_proxy_of_the_environment(tmp_path: Path) -> None:
    with serving(tmp_path), socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        done = run_here("rooms", "--state-dir", str(tmp_path), http_proxy=address, no_proxy="")
        assert done.stdout == "there are no rooms\n"
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_the_runtime_file_of_a_killed_sidecar_is_ignored(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        sidecar.stop(signal.SIGKILL)
    assert (tmp_path / "runtime.json").exists()
    assert "no sidecar is running" in run_here("rooms", "--state-dir", str(tmp_path)).stderr


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("command", [("rooms",), ("inspect", "--no-open")])
def test_a_sidecar_that_does_not_answer_properly_costs_one_line(
    tmp_path: Path, command: Sequence[str], answer: bytes
) -> None:
    with broken_admin(tmp_path, answer):
        done = run_here(*command, "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("sidecar: .+\n", done.stderr)


def test_the_projects_sidecar_is_found_from_any_folder_below_it(tmp_path: Path) -> None:
    below = tmp_path / "app" / "src"
    below.mkdir(parents=True)
    environment = {"XDG_STATE_HOME": str(tmp_path / "state")}
    command = [*SIDECAR, "serve", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, cwd=tmp_path / "app", env=os.environ | environment | PYTHON_PATH
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = run_here("rooms", cwd=below, **environment)
        process.terminate()
    assert done.stdout == "there are no rooms\n"
    assert str(tmp_path / "app") in done.stderr
