"""The command `sidecar`, run in a process of its own as users do."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from signaling_sidecar import __version__
from signaling_sidecar.cli import main
from signaling_sidecar.cli.tail import describe
from signaling_sidecar.errors import NoHome
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from tests.kit.sidecar_command import PATIENCE_S, SIDECAR, run, serving


def join(url: str, room: str, peer: str) -> dict[str, Any]:
    async def once() -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/signaling") as socket_:
            await socket_.send_json({"type": "join", "roomId": room, "peerId": peer})
            listed: dict[str, Any] = await socket_.receive_json(timeout=PATIENCE_S)
            await socket_.close(code=4999)  # the connection is lost without a Close frame, so the session is kept
            return listed

    return asyncio.run(once())


def test_the_ready_line_is_the_only_one_on_stdout_and_says_where_it_listens(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_on_a_signal(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as sidecar:
        assert sidecar.stop(number)[0] == 0
    (segment,) = tmp_path.glob("events-*")
    assert json.loads(segment.read_text().splitlines()[-1])["type"] == "server.stopped"


def test_it_ends_when_its_stdin_ends_only_if_asked(tmp_path: Path) -> None:
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
def test_it_listens_on_either_family_or_both(tmp_path: Path, host: str, url: str, reached_by: list[str]) -> None:
    with serving(tmp_path, "--host", host) as sidecar:
        ready = sidecar.ready
        assert ready["url"] == f"{url}{ready['port']}"
        for address in reached_by:
            join(f"http://{f'[{address}]' if ':' in address else address}:{ready['port']}", "bar", address)
        sidecar.stop()
    (segment,) = tmp_path.glob("events-*")
    opened = [line for line in segment.read_text().splitlines() if '"connection.opened"' in line]
    assert [json.loads(json.loads(line)["data"])["remote"] for line in opened] == reached_by


def test_a_session_goes_on_when_its_device_comes_by_the_other_family(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "::") as sidecar:
        port = sidecar.ready["port"]
        me = {"type": "join", "roomId": "bar", "instance": "page-1"}

        async def by_both() -> tuple[dict[str, Any], dict[str, Any]]:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://127.0.0.1:{port}/ws/signaling") as four,
                session.ws_connect(f"http://[::1]:{port}/ws/signaling") as six,
            ):
                await four.send_json({**me, "resume": True})
                listed = await four.receive_json(timeout=PATIENCE_S)
                token = {"token": listed["resume"]["token"], "after": 0}
                await six.send_json({**me, "peerId": listed["peerId"], "resume": token})
                return listed, await six.receive_json(timeout=PATIENCE_S)

        listed, resumed = asyncio.run(by_both())
        assert (resumed["type"], resumed["peerId"]) == ("resumed", listed["peerId"])
        sidecar.stop()


def test_a_turn_server_is_named_with_the_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_TURN_SECRET", "hush")
    with serving(tmp_path, "--ice-servers", "stun:turn.example,turn:turn.example") as sidecar:
        stun, turn = join(sidecar.ready["url"], "bar", "ann")["iceServers"]
        sidecar.stop()
    assert stun == {"urls": ["stun:turn.example"]}
    assert turn["username"].endswith(":ann")
    assert turn["credential"]


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port), "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    sentence = f"sidecar: port {port} on 127.0.0.1 is already in use: stop the program that listens there, or "
    assert done.stderr == sentence + "choose another port with --port\n"


def test_a_second_sidecar_for_the_same_state_is_one_sentence(tmp_path: Path) -> None:
    with serving(tmp_path):
        done = run("serve", "--port", "0", "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("sidecar: another sidecar is running")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("flags", [["--port", "x"], ["--host", "999.1.1.1"], ["--settings", "/nowhere"]])
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, flags: list[str]) -> None:
    done = run("serve", "--state-dir", str(tmp_path), *flags)
    assert done.returncode == 2
    assert done.stderr.startswith("sidecar: ")
    assert done.stderr.count("\n") == 1


CHOOSE_A_FOLDER = "choose a writable folder with --state-dir, SIDECAR_STATE_DIR or the Vite plugin's stateDir"
READS_STATE = [["rooms"], ["why"], ["tail", "--no-follow"], ["log"], ["log", "clear"], ["log", "export", "copy.jsonl"]]


def is_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    # In development mode, asyncio reports slow steps of the event loop, which happen on a busy machine.
    (sentence,) = (line for line in done.stderr.splitlines() if not line.startswith("Executing <"))
    assert sentence.startswith("sidecar: ")
    assert words in sentence


def make_file(place: Path) -> None:
    place.touch()


def make_below_a_file(place: Path) -> None:
    place.parent.touch()


def make_with_a_folder_for_its_lock(place: Path) -> None:
    (place / "lock").mkdir(parents=True)


def make_with_a_folder_for_its_runtime_file(place: Path) -> None:
    (place / "runtime.json").mkdir(parents=True)


@pytest.mark.parametrize("reload", [[], ["--reload"]])
@pytest.mark.parametrize(
    "make",
    [make_file, make_below_a_file, make_with_a_folder_for_its_lock, make_with_a_folder_for_its_runtime_file],
)
def test_a_state_folder_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], None], reload: list[str]
) -> None:
    place = tmp_path / "here" / "state"
    if make is not make_below_a_file:
        place.parent.mkdir()
    make(place)
    is_one_sentence(run("serve", "--port", "0", "--state-dir", str(place), *reload), CHOOSE_A_FOLDER)


def test_a_disk_that_takes_nothing_more_is_one_sentence(tmp_path: Path) -> None:
    limited = f"ulimit -f 0; exec {shlex.join(SIDECAR)} serve --port 0 --state-dir {shlex.quote(str(tmp_path))}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    is_one_sentence(done, CHOOSE_A_FOLDER)


@pytest.mark.parametrize("command", [["serve", "--port", "0"], *READS_STATE])
def test_without_a_home_folder_one_sentence_says_what_helps(tmp_path: Path, command: list[str]) -> None:
    # In a container, the user may be a number that is not in the user database. Here, no user is in it.
    no_users = "import pwd; pwd.getpwuid = lambda uid: {}[uid]; from signaling_sidecar.cli import main; "
    code = f"{no_users}raise SystemExit(main({command}))"
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_STATE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment | _path(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    is_one_sentence(done, f"there is no home folder to store the state in: {CHOOSE_A_FOLDER}")


def test_without_a_home_folder_a_named_state_folder_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As older releases of platformdirs return it.
    monkeypatch.setattr(state_dir.platformdirs, "user_state_dir", lambda _: "~/.local/state")
    with pytest.raises(NoHome):
        state_dir.project_state_dir(tmp_path)
    state_dir.point_to(tmp_path / "state", tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "sidecar.toml").write_text("state_dir = 'state'")
    assert find_state_dir(project=tmp_path).path == tmp_path / "state"


def run_in_a_deleted_folder(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    gone = tmp_path / "gone"
    gone.mkdir()
    inside = f"rmdir {shlex.quote(str(gone))}; exec {shlex.join([*SIDECAR, *command])}"
    return subprocess.run(
        ["bash", "-c", inside],
        cwd=gone,
        env=os.environ | _path(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("command", [["serve", "--port", "0"], *READS_STATE, ["doctor"], ["notebook"]])
def test_a_current_folder_that_is_gone_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    is_one_sentence(run_in_a_deleted_folder(tmp_path, *command), "the current folder no longer exists")


@pytest.mark.parametrize("command", [["dialects"], ["log", "schema"]])
def test_a_command_that_reads_no_file_runs_in_a_deleted_folder(tmp_path: Path, command: list[str]) -> None:
    done = run_in_a_deleted_folder(tmp_path, *command)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every path is text")
def test_a_folder_whose_path_is_not_utf_8_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    is_one_sentence(run("serve", "--port", "0", cwd=folder), "project must be a valid path to a folder")
    for command in READS_STATE:
        is_one_sentence(run(*command, cwd=folder, XDG_STATE_HOME=str(tmp_path / "state")), "no sidecar has run for")
    is_one_sentence(run("log", "--state-dir", str(folder)), "no event log was found at")


def test_a_file_that_cannot_be_read_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    is_one_sentence(run("why", "--log", str(tmp_path / ("x" * 300))), "x' cannot be used: File name too long")


@pytest.mark.parametrize("host", ["a..b", "a" * 70])
def test_what_cannot_be_a_host_is_one_sentence(tmp_path: Path, host: str) -> None:
    is_one_sentence(
        run("serve", "--host", host, "--state-dir", str(tmp_path)), "host must be an address of this machine"
    )


def test_a_terminal_that_cannot_show_a_character_shows_its_number(tmp_path: Path) -> None:
    shown = run("doctor", "--state-dir", str(tmp_path), PYTHONIOENCODING="ascii")
    assert shown.stdout.startswith("\\u2717 no sidecar is running")
    assert "Traceback" not in shown.stderr


def test_rooms_lists_who_is_where(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        empty = run("rooms", "--state-dir", str(tmp_path))
        assert empty.stdout == "there are no rooms\n"
        join(sidecar.ready["url"], "bar", "a")
        join(sidecar.ready["url"], "bar", "b")
        shown = run("rooms", "--state-dir", str(tmp_path)).stdout
        assert shown == "room  dialect  peers\nbar   rooms    2 of 100\n"
        listed = json.loads(run("rooms", "--state-dir", str(tmp_path), "--json").stdout)
        assert [(room["room"], [peer["peer"] for peer in room["peers"]]) for room in listed] == [("bar", ["a", "b"])]
    done = run("rooms", "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert "no sidecar is running" in done.stderr


def test_the_admins_token_is_not_sent_through_the_proxy_of_the_environment(tmp_path: Path) -> None:
    with serving(tmp_path), socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        done = run("rooms", "--state-dir", str(tmp_path), http_proxy=address, no_proxy="")
        assert done.stdout == "there are no rooms\n"
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_killed_sidecars_runtime_file_is_nobody(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        sidecar.stop(signal.SIGKILL)
    assert (tmp_path / "runtime.json").exists()
    assert "no sidecar is running" in run("rooms", "--state-dir", str(tmp_path)).stderr


def test_the_projects_sidecar_is_found_from_any_folder_below_it(tmp_path: Path) -> None:
    below = tmp_path / "app" / "src"
    below.mkdir(parents=True)
    environment = {"XDG_STATE_HOME": str(tmp_path / "state")}
    command = [*SIDECAR, "serve", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, cwd=tmp_path / "app", env=os.environ | environment | _path()
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = run("rooms", cwd=below, **environment)
        process.terminate()
    assert done.stdout == "there are no rooms\n"
    assert str(tmp_path / "app") in done.stderr


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(sys.path)}


def test_tail_shows_the_past_and_then_what_happens_over_rotations(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-segment-bytes", "1024") as sidecar:
        join(sidecar.ready["url"], "bar", "first")
        command = [*SIDECAR, "tail", "--state-dir", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | _path()) as tail:
            assert tail.stdout is not None
            watchdog = threading.Timer(PATIENCE_S, tail.kill)
            watchdog.start()
            shown = [tail.stdout.readline()]
            for peer in ("second", "third", "fourth"):
                join(sidecar.ready["url"], "bar", peer)
                for line in tail.stdout:
                    shown.append(line)
                    if "peer.joined" in line and peer in line:
                        break
            tail.terminate()
            watchdog.cancel()
        assert "fourth" in shown[-1]
    last = run("tail", "--no-follow", "-n", "1", "--json", "--state-dir", str(tmp_path)).stdout
    assert json.loads(last)["v"] == 1


def test_tail_escapes_what_could_move_the_cursor() -> None:
    record = {"ts": 0.0, "type": "peer.joined", "dialect": "rooms", "room": "\x1b[2Jbar", "peer": "a\u202eb"}
    line = describe(record)
    assert line.isprintable()
    assert "\\x1b[2Jbar" in line


def test_the_version_is_the_same_however_it_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == run("--version").stdout == f"signaling-sidecar {__version__}\n"


@pytest.mark.parametrize("command", [[], ["serve"], ["rooms"], ["tail"], ["ladder"]])
def test_help_tells_what_there_is_without_importing_the_server(command: list[str]) -> None:
    code = f"""
import sys
from signaling_sidecar.cli import main
try:
    main({[*command, "--help"]})
except SystemExit:
    assert not {{"aiohttp", "pandas"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | _path()
    )
    assert done.stdout.startswith("usage: sidecar")
