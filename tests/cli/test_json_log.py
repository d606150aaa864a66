"""`--log-format json`: each line of stderr is one JSON object, and no secret is in any of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.kit.raw_socket import Handshake, raw_socket
from tests.kit.receiving import receive_json
from tests.kit.serving import Served
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR, Serving, run, serving, without_slow_steps

HOOKS = """
import sys, warnings

print("loaded")
print("to stderr,", "in two parts", file=sys.stderr)
warnings.simplefilter("always")
warnings.warn("an old call")

def admit(connection):
    if "fails" in connection.headers:
        raise ValueError("the hook's own mistake")
    return "refused" not in connection.headers
"""
SECRETS = {"SIDECAR_TURN_SECRET": "turn-hush-hush", "SIDECAR_METRICS_TOKEN": "metrics-hush-hush-and-long-enough"}


def lines_of(stderr: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in without_slow_steps(stderr).splitlines()]


def only(lines: list[dict[str, Any]], code: str) -> dict[str, Any]:
    (found,) = (line for line in lines if line.get("code") == code)
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hooks.py").write_text(HOOKS)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def started(project: Path) -> Any:
    flags = ("--log-format", "json", "--hooks", str(project / "hooks.py"), "--ice-servers", "turn:turn.example")
    return serving(project / "state", *flags)


async def use(sidecar: Serving, project: Path) -> None:
    """Let clients cause everything that stderr reports, with a secret wherever a client can send one."""
    secret = {"Authorization": "Bearer client-hush-hush", "Cookie": "session=cookie-hush-hush"}
    async with aiohttp.ClientSession(sidecar.ready["url"], headers=secret) as session:
        for headers in ({"Host": "evil.example", "X-Request-ID": "from-the-proxy.1"}, {"fails": "1"}):
            async with session.get("/ws/signaling/rooms?token=query-hush-hush", headers=headers) as answer:
                assert answer.status == 403
        async with session.get("/ws/signaling/nothing?token=query-hush-hush") as answer:
            assert answer.status == 404
        async with session.get(
            "/metrics", headers={"Authorization": "Bearer metrics-hush-hush-and-long-enough"}
        ) as answer:
            assert answer.status == 200
        async with session.ws_connect("/ws/signaling?token=query-hush-hush") as ann:
            await ann.send_json({"type": "join", "roomId": "bar", "peerId": "ann", "token": "join-hush-hush"})
            assert (await receive_json(ann))["type"] == "peer_list"
            await ann.send_str("{ hush-hush")
            await receive_json(ann)
    raw = await raw_socket(sidecar.ready["port"])
    raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"hush-hush" * 8000 + b"\r\n\r\n")
    await raw.rest()
    await raw.close()


def test_every_line_is_a_json_object_and_none_has_a_secret(project: Path) -> None:
    before_s = time.time()
    with started(project) as sidecar:
        asyncio.run(use(sidecar, project))
        admin_token = json.loads((project / "state" / "runtime.json").read_text())["admin_token"]
        code, stderr = sidecar.stop()
    assert code == 0
    assert "hush-hush" not in stderr
    assert admin_token not in stderr
    lines = lines_of(stderr)
    for line in lines:
        assert before_s <= line["ts"] <= time.time()
        assert line["level"] in {"info", "warning", "error"}
        assert line["message"]
        assert "\n" not in line["message"]
    assert sidecar.ready["url"] in only(lines, "serving")["message"]
    assert [line["message"] for line in lines if line.get("code") == "printed"] == [
        "loaded",
        "to stderr, in two parts",
    ]
    assert "an old call" in next(line["message"] for line in lines if line["logger"] == "py.warnings")
    refused = only(lines, "host-refused")
    assert (refused["level"], refused["request_id"]) == ("warning", "from-the-proxy.1")
    failed = only(lines, "hook-failed")
    assert failed["message"] == "the hook admit failed, and the request is refused:"
    assert "ValueError: the hook's own mistake" in failed["traceback"]
    assert only(lines, "wrong-path")["request_id"] != failed["request_id"]
    assert "32 KiB" in only(lines, "header-too-long")["message"]


def test_an_error_that_ends_the_command_is_a_line_with_its_code(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--log-format", "json", "--port", str(port), "--state-dir", str(tmp_path))
    assert done.returncode == 2
    (line,) = lines_of(done.stderr)
    assert (line["level"], line["code"]) == ("error", "port-taken")
    assert line["message"].startswith(f"port {port} on 127.0.0.1 is already in use")
    done = run("serve", "--max-rooms", "none", "--state-dir", str(tmp_path), SIDECAR_LOG_FORMAT="json")
    assert (done.returncode, lines_of(done.stderr)[0]["code"]) == (2, "settings-error")


BROKEN_FILES = {"no toml": "max_rooms = = 1", "no number": "max_rooms = 'x'", "another format": "log_format = 'xml'"}


@pytest.mark.parametrize("text", BROKEN_FILES.values(), ids=BROKEN_FILES)
@pytest.mark.parametrize("asked", [(("--log-format", "json"), {}), ((), {"SIDECAR_LOG_FORMAT": "json"})])
def test_a_broken_settings_file_is_reported_in_the_format_that_the_command_asks_for(
    tmp_path: Path, text: str, asked: tuple[tuple[str, ...], dict[str, str]]
) -> None:
    (tmp_path / "sidecar.toml").write_text(text)
    flags, environment = asked
    done = run("serve", "--project", str(tmp_path), "--state-dir", str(tmp_path / "state"), *flags, **environment)
    (line,) = lines_of(done.stderr)
    assert (done.returncode, line["level"], line["code"]) == (2, "error", "settings-error")


def test_a_deleted_current_folder_is_reported_as_a_line_too(tmp_path: Path) -> None:
    words = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *SIDECAR, "serve", "--log-format", "json"]
    (gone := tmp_path / "gone").mkdir()
    done = subprocess.run(
        words, cwd=gone, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=os.environ | PYTHON_PATH
    )
    (line,) = lines_of(done.stderr)
    assert (done.returncode, line["code"]) == (2, "no-current-folder")


def test_nothing_is_written_if_the_program_that_reads_the_ready_line_has_ended(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [*SIDECAR, "serve", "--port", "0", "--log-format", "json", "--state-dir", str(tmp_path)]
    env = os.environ | PYTHON_PATH
    with os.fdopen(writing) as stdout:
        done = subprocess.run(
            words, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S, env=env
        )
    # On a busy machine, Python's development mode also prints that steps of the event loop were slow.
    own = [line for line in lines_of(done.stderr) if line["logger"] != "asyncio"]
    assert (done.returncode, own) == (0, [])


def test_a_code_reload_writes_lines_of_json_too(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-format", "json", "--reload") as sidecar:
        _, stderr = sidecar.stop(signal.SIGINT)
    assert only(lines_of(stderr), "serving")


def test_the_format_must_be_known(tmp_path: Path) -> None:
    done = run("serve", "--log-format", "xml", "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "sidecar: log_format must be one of text, json, not 'xml' (from --log-format)\n"


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [("a-Z0._9", True), ("x" * 64, True), ("x" * 65, False), ("two words", False), ('"}', False), ("", False)],
)
async def test_the_id_of_a_request_is_kept_if_it_is_a_short_safe_word(served: Served, sent: str, is_kept: bool) -> None:
    ids = []
    for path in ("/health", "/nothing"):
        async with served.client.get(path, headers={"X-Request-ID": sent}) as answer:
            ids.append(answer.headers["X-Request-ID"])
    peer = await served.connect(headers={"X-Request-ID": sent})
    ids.append(peer.socket._response.headers["X-Request-ID"])
    assert ids == [sent] * 3 if is_kept else len({*ids, sent}) == 4


async def test_a_request_that_a_page_may_not_send_has_an_id_too(served: Served) -> None:
    async with served.client.get("/health", headers={"Host": "evil.example", "X-Request-ID": "seen"}) as answer:
        assert (answer.status, answer.headers["X-Request-ID"]) == (403, "seen")


async def test_two_ids_in_one_request_are_replaced_by_a_new_one(served: Served) -> None:
    raw = await raw_socket(served.client.server.port or 0)
    raw.send(bytes(Handshake(more="X-Request-ID: one\r\nX-Request-ID: two\r\n")))
    head = await raw.head()
    assert "101 Switching" in head
    assert "one" not in head
    assert "two" not in head
    await raw.close()
