"""The features that a systemd unit relies on. The tests send and receive what systemd would."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.errors import RedisUnusable, SettingsError
from tests.kit.checkout import ROOT
from tests.kit.sidecar_command import PATIENCE_S, SIDECAR, Serving, join, serving

UNITS = ROOT / "sidecar" / "deploy"
# Passes a socket as systemd does: as the file descriptor 3, with the id of the receiving process in LISTEN_PID.
PASSING = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Systemd:
    """The datagram socket at `NOTIFY_SOCKET`, which the sidecar writes to and systemd reads."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(PATIENCE_S)

    def told(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    name = str(tmp_path / "notify") if request.param == "a path" else f"@signaling-{os.getpid()}"
    systemd = Systemd(name.replace("@", "\0"))
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    yield systemd
    systemd.close()


def test_systemd_is_told_when_the_sidecar_serves_and_when_it_stops(systemd: Systemd, tmp_path: Path) -> None:
    with serving(tmp_path / "state") as sidecar:
        assert systemd.told() == "READY=1"
        assert sidecar.stop()[0] == 0
    assert systemd.told() == "STOPPING=1"


def test_the_watchdog_is_fed_if_the_unit_has_one(
    systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    with serving(tmp_path / "state") as sidecar:
        assert [systemd.told() for _ in range(4)].count("WATCHDOG=1") == 3
        sidecar.process.send_signal(19)  # SIGSTOP, which suspends the process
        sidecar.process.kill()


def test_a_watchdog_of_another_process_is_not_fed(
    systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    with serving(tmp_path / "state") as sidecar:
        sidecar.stop()
    assert [systemd.told(), systemd.told()] == ["READY=1", "STOPPING=1"]


def test_a_socket_of_systemd_that_is_gone_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with serving(tmp_path / "state") as sidecar:
        code, errors = sidecar.stop()
    assert code == 0
    assert "systemd cannot be told READY=1" in errors
    assert "Traceback" not in errors


# --- the passed socket -----------------------------------------------------------------------------------------------


def passing(listening: socket.socket, state_dir: Path, count: str = "1") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PASSING, str(listening.fileno()), *SIDECAR, "serve", "--state-dir", str(state_dir)]
    pipe = subprocess.PIPE
    environment = {**os.environ, "LISTEN_FDS": count}
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, pass_fds=[listening.fileno()], env=environment
    )


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def test_a_socket_that_systemd_has_passed_is_served_and_stays_open_over_a_restart(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        for number in (1, 2):
            with passing(listening, tmp_path) as process:
                assert ready(process)["url"] == f"http://127.0.0.1:{port}"
                join(f"http://127.0.0.1:{port}", "bar", f"peer-{number}")
                assert Serving(process, {}).stop()[0] == 0
            # A client that connects between two runs is not refused: it waits in the backlog of the socket.
            socket.create_connection(("127.0.0.1", port)).close()


def unix_socket(folder: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(folder / "socket"))
    bound.listen()
    return bound


def udp_socket(folder: Path) -> socket.socket:
    bound = socket.socket(type=socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound


def socket_that_does_not_listen(folder: Path) -> socket.socket:
    return socket.socket()


@pytest.mark.parametrize(
    ("made", "count", "found"),
    [
        (unix_socket, "1", "AF_UNIX"),
        (udp_socket, "1", "SOCK_DGRAM"),
        (socket_that_does_not_listen, "1", "SOCK_STREAM"),
        (unix_socket, "2", "'2'"),
        (unix_socket, "many", "'many'"),
    ],
)
def test_anything_else_than_one_tcp_socket_is_refused_in_one_sentence(
    tmp_path: Path, made: Any, count: str, found: str
) -> None:
    with made(tmp_path) as bound, passing(bound, tmp_path / "state", count) as process:
        code, errors = Serving(process, {}).wait()
    assert code == 2
    assert errors.startswith(
        "sidecar: LISTEN_FDS must be one TCP socket: a .socket unit with one ListenStream= that has a"
    )
    assert found in errors
    assert errors.count("\n") == 1


def test_a_socket_that_other_machines_can_reach_needs_what_a_host_needs(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening, passing(listening, tmp_path / "state") as process:
        code, errors = Serving(process, {}).wait()
    assert code == 2
    assert errors.startswith("sidecar: other machines can reach the host '0.0.0.0', so auth ")


def test_a_socket_for_another_process_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    with serving(tmp_path) as sidecar:
        assert sidecar.stop()[0] == 0


# --- the unit files --------------------------------------------------------------------------------------------------


def exec_start() -> list[str]:
    text = (UNITS / "signaling-sidecar.service").read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return str(command).split()


def test_the_command_of_the_unit_serves(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("max_rooms = 5\n")
    program, serve, *flags = exec_start()
    assert (Path(program).name, serve) == ("sidecar", "serve")
    (tmp_path / "signaling-sidecar").mkdir()  # created by systemd because of `StateDirectory` in the unit
    replaced = [flag.replace("%S", str(tmp_path)).replace("/etc/signaling-sidecar", str(tmp_path)) for flag in flags]
    with serving(tmp_path / "signaling-sidecar", *replaced) as sidecar:
        code, errors = sidecar.stop()
    assert code == 0
    assert "serving" in [json.loads(line).get("code") for line in errors.splitlines()]


def test_the_service_is_started_again_until_redis_can_be_reached_but_not_after_a_wrong_setting() -> None:
    """With systemd's default, the fifth failed start within ten seconds is the last one."""
    text = (UNITS / "signaling-sidecar.service").read_text()
    assert {"Restart=on-failure", "StartLimitIntervalSec=0"} <= set(text.splitlines())
    assert f"RestartPreventExitStatus={SettingsError.exit_code}" in text.splitlines()
    assert RedisUnusable.exit_code != SettingsError.exit_code


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units_and_finds_the_service_well_confined(tmp_path: Path) -> None:
    for unit in UNITS.glob("signaling-sidecar.*"):
        # systemd-analyze requires that the program exists.
        (tmp_path / unit.name).write_text(unit.read_text().replace(exec_start()[0], f'"{sys.executable}"'))
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    rating = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=20",
        str(tmp_path / "signaling-sidecar.service"),
    ]
    rated = subprocess.run(rating, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
def test_systemds_own_tool_passes_a_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = [f"--setenv={name}" for name in ("PATH", "PYTHONPATH", "XDG_STATE_HOME") if name in os.environ]
    command = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", *environment]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, *SIDECAR, "serve", "--state-dir", str(tmp_path)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stderr is not None
        while "Listening on" not in process.stderr.readline():
            pass
        with socket.create_connection(("127.0.0.1", port)) as first:  # makes systemd start the sidecar
            first.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            first.settimeout(PATIENCE_S)
            assert first.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert ready(process)["port"] == port
        assert Serving(process, {}).stop()[0] == 0
