"""`sidecar serve`, run in a process of its own as users do."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from signaling_sidecar import __version__
from signaling_sidecar.cli import main
from signaling_sidecar.eventlog.state_dir import is_running, read_runtime, running
from signaling_sidecar.settings import all_settings
from signaling_sidecar.stop_signals import stop_signals
from tests.kit.programs import until
from tests.kit.receiving import receive_json
from tests.kit.sidecar_command import PYTHON_PATH, SIDECAR, join, run, run_here, serving


def test_only_the_ready_line_is_printed_on_stdout_and_it_contains_the_url(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        ready = sidecar.ready
        assert (ready["name"], ready["version"]) == ("signaling-sidecar", __version__)
        assert ready["pid"] == sidecar.process.pid
        assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
        runtime = json.loads((tmp_path / "runtime.json").read_text())
        assert (runtime["url"], runtime["boot"]) == (ready["url"], ready["boot"])
        code, errors = sidecar.stop()
    assert code == 0
    assert ready["url"] in errors
    assert not (tmp_path / "runtime.json").exists()


def test_the_encoding_of_the_ready_line_does_not_depend_on_the_locale(tmp_path: Path) -> None:
    # Python warns if a file is opened with the encoding of the locale, and `serving` turns each warning into an error.
    with serving(tmp_path, PYTHONWARNDEFAULTENCODING="1") as sidecar:
        assert sidecar.stop()[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the shell of Windows cannot close a stream")
@pytest.mark.parametrize(
    ("redirection", "flags"),
    [
        (">&-", []),
        (">&-", ["--log-format", "json"]),
        ("<&- >&- 2>&-", []),
        ("<&- >&- 2>&-", ["--reload"]),
        (">/dev/full", []),
    ],
)
async def test_it_serves_without_standard_streams(tmp_path: Path, redirection: str, flags: list[str]) -> None:
    command = [*SIDECAR, "serve", "--port", "0", "--state-dir", str(tmp_path), *flags]
    shell = ["sh", "-c", f'"$@" {redirection}', "sh", *command]
    process = await asyncio.create_subprocess_exec(*shell, start_new_session=True)
    try:
        await until(lambda: is_running(tmp_path), "the sidecar serves")
        async with aiohttp.ClientSession() as session, session.get(running(tmp_path).url) as answer:
            assert answer.status == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
    await until(lambda: read_runtime(tmp_path) is None, "the sidecar has ended cleanly")


@pytest.mark.parametrize("flags", [(), ("--reload",)], ids=["without reload", "with reload"])
@pytest.mark.parametrize("number", stop_signals(), ids=lambda number: number.name)
def test_it_ends_cleanly_on_a_signal(tmp_path: Path, number: int, flags: tuple[str, ...]) -> None:
    with serving(tmp_path, *flags) as sidecar:
        assert sidecar.stop(number)[0] == 0
    (segment,) = tmp_path.glob("events-*")
    assert json.loads(segment.read_text().splitlines()[-1])["type"] == "server.stopped"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
@pytest.mark.parametrize("flags", [(), ("--reload",)], ids=["without reload", "with reload"])
def test_with_nohup_it_outlives_its_terminal(tmp_path: Path, flags: tuple[str, ...]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with serving(tmp_path, *flags) as sidecar:
            sidecar.process.send_signal(signal.SIGHUP)
            join(sidecar.ready["url"], "bar", "a")
            assert sidecar.stop()[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_ends_with_its_stdin_only_if_the_flag_is_given(tmp_path: Path) -> None:
    with serving(tmp_path, "--exit-on-stdin-eof") as sidecar:
        assert sidecar.wait()[0] == 0  # communicate() closes its stdin
    with serving(tmp_path) as sidecar:
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        join(sidecar.ready["url"], "bar", "a")
        assert sidecar.process.poll() is None
        sidecar.process.stdin = None
        assert sidecar.stop()[0] == 0


@pytest.mark.parametrize(
    ("host", "url", "reached_by"),
    [
        ("127.0.0.1", "http://127.0.0.1:", ["127.0.0.1"]),
        ("::1", "http://[::1]:", ["::1"]),
        ("0.0.0.0", "http://127.0.0.1:", ["127.0.0.1"]),
        ("::", "http://[::1]:", ["127.0.0.1", "::1"]),
    ],
)
def test_it_listens_on_ipv4_or_ipv6_or_both(tmp_path: Path, host: str, url: str, reached_by: list[str]) -> None:
    with serving(tmp_path, "--host", host, "--insecure") as sidecar:
        ready = sidecar.ready
        assert ready["url"] == f"{url}{ready['port']}"
        for address in reached_by:
            join(f"http://{f'[{address}]' if ':' in address else address}:{ready['port']}", "bar", address)
        sidecar.stop()
    (segment,) = tmp_path.glob("events-*")
    opened = [line for line in segment.read_text().splitlines() if '"connection.opened"' in line]
    assert [json.loads(json.loads(line)["data"])["remote"] for line in opened] == reached_by


def test_a_session_continues_when_its_device_changes_between_ipv4_and_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "::", "--insecure") as sidecar:
        port = sidecar.ready["port"]
        me = {"type": "join", "roomId": "bar", "instance": "page-1"}

        async def by_both() -> tuple[dict[str, Any], dict[str, Any]]:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://127.0.0.1:{port}/ws/signaling") as four,
                session.ws_connect(f"http://[::1]:{port}/ws/signaling") as six,
            ):
                await four.send_json({**me, "resume": True})
                listed = await receive_json(four)
                token = {"token": listed["resume"]["token"], "after": 0}
                await six.send_json({**me, "peerId": listed["peerId"], "resume": token})
                return listed, await receive_json(six)

        listed, resumed = asyncio.run(by_both())
        assert (resumed["type"], resumed["peerId"]) == ("resumed", listed["peerId"])
        sidecar.stop()


def test_the_turn_secret_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_TURN_SECRET", "hush")
    with serving(tmp_path, "--ice-servers", "stun:turn.example,turn:turn.example") as sidecar:
        stun, turn = join(sidecar.ready["url"], "bar", "ann")["iceServers"]
        sidecar.stop()
    assert stun == {"urls": ["stun:turn.example"]}
    assert turn["username"].endswith(":ann")
    assert turn["credential"]


def test_each_way_to_read_the_version_returns_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == run("--version").stdout == f"signaling-sidecar {__version__}\n"


def test_the_start_imports_nothing_that_only_a_request_or_a_setting_needs(tmp_path: Path) -> None:
    """The sidecar should start as fast as Vite, so it imports no module that it does not need at the start."""
    command = [sys.executable, "-X", "importtime", "-m", "signaling_sidecar", "serve", "--port", "0"]
    told = tmp_path / "imports.txt"
    with (
        told.open("w") as errors,
        subprocess.Popen(
            [*command, "--state-dir", tmp_path / "state"], stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()  # it is ready
        process.terminate()
    imported = {line.rpartition("|")[2].strip() for line in told.read_text().splitlines()}
    ours = {name.removeprefix("signaling_sidecar.") for name in imported if name.startswith("signaling_sidecar.")}
    assert "server.run" in ours
    parts = {"addresses", "cluster", "diagnosis", "doctor", "drawing", "hooks", "inspection", "lan", "testing"}
    assert not {name for name in ours if name.split(".")[0] in parts}
    only_needed = ("eventlog.log_copy.", "server.clustered.", "server.pages.status.", "server.user_hooks.")
    assert not {name for name in ours if f"{name}.".startswith(only_needed)}
    packages = "cryptography ctypes jwt pandas prometheus_client segno tomllib zeroconf"
    assert imported.isdisjoint(packages.split())


def test_a_command_imports_no_other_command_and_help_is_printed_without_the_server() -> None:
    code = """
import sys
from contextlib import suppress
from signaling_sidecar.cli import main
assert main(["dialects"]) == 0
commands = {name for name in sys.modules if name.startswith("signaling_sidecar.cli.")}
assert commands == {"signaling_sidecar.cli.command", "signaling_sidecar.cli.dialects"}
for command in [["serve"], ["rooms"], ["tail"], ["ladder"], []]:
    with suppress(SystemExit):
        main([*command, "--help"])
assert not {"aiohttp", "pandas"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | PYTHON_PATH
    )
    assert done.stdout.count("usage: sidecar") == 5


def test_help_shows_the_default_of_each_setting_that_has_one() -> None:
    flags = re.split(r"\n  (?=--)", run_here("serve", "--help").stdout)
    shown = {flag.split()[0]: re.findall(r"default:\s+(\S+?)\)", flag) for flag in flags}
    assert shown["--drain-s"] == ["0"]
    assert shown["--hosted-idle-s"] == ["86400"]
    assert shown["--peerjs-discovery"] == ["false"]
    for each, kind in all_settings():
        if each.default not in (None, (), Path()) and not kind.is_secret:
            assert shown["--" + each.name.replace("_", "-")], each.name
