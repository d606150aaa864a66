"""`rooms`, `tail`, `why` and `ladder` ask a sidecar on another machine over HTTP, without its state folder."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import aiohttp
import pytest

from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit import tokens
from tests.kit.diagnosis_log import CONNECTED, Story
from tests.kit.guarded import AUDIENCE, token
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR, run_here, serving

FLAGS = ("--auth", "jwt", "--jwt-algorithm", "HS256", "--jwt-audience", AUDIENCE, "--jwt-key-file")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a sidecar. Ann and Ben have been in its room `bar`, and have lost their connections."""
    folder = tmp_path_factory.mktemp("remote")
    secret = folder / "secret"
    secret.write_text(tokens.SECRET)
    with serving(folder / "state", *FLAGS, str(secret)) as sidecar:
        url = str(sidecar.ready["url"])
        asyncio.run(meet(url, "ann", "ben"))
        yield url


async def meet(url: str, *peers: str) -> None:
    async with aiohttp.ClientSession() as session:
        for peer in peers:
            async with session.ws_connect(f"{url}/ws/signaling") as socket:
                await socket.send_json({"type": "join", "roomId": "bar", "peerId": peer, "token": token(peer)})
                assert (await socket.receive_json())["type"] == "peer_list"
                await socket.close(code=4999)  # after this close code, the session is kept


def ask(*arguments: str, shown: str | None = None) -> subprocess.CompletedProcess[str]:
    return run_here(*arguments, SIDECAR_ADMIN_TOKEN=token("ops", scope="admin") if shown is None else shown)


def test_rooms_lists_its_rooms(url: str) -> None:
    assert ask("rooms", "--url", f"{url}/").stdout == "room  dialect  peers\nbar   rooms    2 of 100\n"


def test_why_and_ladder_read_a_copy_of_its_log(url: str) -> None:
    why = ask("why", "--url", url, "--json")
    (verdict,) = [json.loads(line) for line in why.stdout.splitlines()]
    assert (verdict["room"], why.returncode) == ("bar", 1)
    drawn = ask("ladder", "bar", "--url", url)
    assert "ann" in drawn.stdout
    assert drawn.returncode == 0


def test_tail_prints_its_last_records_and_those_that_follow(url: str) -> None:
    last = ask("tail", "-n", "2", "--no-follow", "--url", url).stdout
    assert len(last.splitlines()) == 2
    command = [*SIDECAR, "tail", "-n", "0", "--json", "--url", url]
    admin = {"SIDECAR_ADMIN_TOKEN": token("ops", scope="admin")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | PYTHON_PATH | admin) as process:
        assert process.stdout is not None
        asyncio.run(keep_meeting_until(process, url))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT


async def keep_meeting_until(process: subprocess.Popen[str], url: str) -> None:
    """Let peers join until the process prints a record, because the process does not report that it has connected.

    There is a short pause after each join: if one IP address sends 600 tokens at once, the next token is refused.
    """
    assert process.stdout is not None
    printed = asyncio.create_task(asyncio.to_thread(process.stdout.readline))
    number = 0
    while not printed.done():
        number += 1
        await meet(url, f"cleo-{number}")
        await asyncio.wait({printed}, timeout=0.05)
    assert json.loads(await printed)["type"]


@pytest.mark.parametrize("command", ["rooms", "tail", "why", "inspect"])
@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ("", "set the variable SIDECAR_ADMIN_TOKEN to a token with the scope `admin`"),
        ("two words", "set the variable SIDECAR_ADMIN_TOKEN to a token with the scope `admin`"),
        ("made-up", "401: the token is not valid"),
        (token(lasts_s=86_400), "403: the token does not have the scope `admin`"),
    ],
)
def test_without_a_token_of_an_admin_one_sentence_says_so(url: str, command: str, shown: str, reason: str) -> None:
    done = ask(command, "--url", url, shown=shown)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"sidecar: the sidecar at '{url}' has not answered: {reason}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("signaling.team.example", "the URL must begin with http:// or https://"),
        ("http://127.0.0.1:9", "Connection refused"),
        ("http://127.0.0.1:wrong", "wrong"),
    ],
)
def test_a_wrong_url_is_one_sentence(wrong: str, reason: str) -> None:
    done = ask("rooms", "--url", wrong)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert reason in done.stderr


def test_a_token_that_anybody_on_the_way_could_read_is_sent_with_a_warning(url: str) -> None:
    warning = "the token is sent to http://sidecar.invalid without encryption; use https\n"
    assert warning in ask("rooms", "--url", "http://sidecar.invalid").stderr
    for safe in ("https://sidecar.invalid", url):
        assert "encryption" not in ask("rooms", "--url", safe).stderr


class Elsewhere(BaseHTTPRequestHandler):
    """Redirects each request to itself under another host name, and keeps the `Authorization` headers in `asked`."""

    asked: list[str | None] = []  # noqa: RUF012 - all requests share this list

    def do_GET(self) -> None:
        self.asked.append(self.headers["Authorization"])
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/")  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Broken(BaseHTTPRequestHandler):
    """Refuses every request, and closes the connection before the announced end of the response."""

    def do_GET(self) -> None:
        self.send_response(500)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"40\r\nout of")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def at_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def ask_server(handler: type[BaseHTTPRequestHandler]) -> subprocess.CompletedProcess[str]:
    with at_server(handler) as url:
        return ask("rooms", "--url", url)


def test_the_token_is_not_sent_to_where_another_server_redirects() -> None:
    assert "302" in ask_server(Elsewhere).stderr
    assert len(Elsewhere.asked) == 1


def test_a_refusal_that_ends_too_early_is_one_sentence() -> None:
    done = ask_server(Broken)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "has not answered: IncompleteRead" in done.stderr


async def test_why_prints_each_verdict_of_it_when_it_changes(url: str) -> None:
    command = [*SIDECAR, "why", "two", "--watch", "--json", "--url", url]
    admin = {"SIDECAR_ADMIN_TOKEN": token("ops", scope="admin")}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, env=os.environ | PYTHON_PATH | admin
    )
    assert process.stdout is not None
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        sockets = [await session.ws_connect(f"{url}/ws/signaling") for _ in range(2)]
        for peer, socket in zip(("dan", "eve"), sockets, strict=True):
            await socket.send_json({"type": "join", "roomId": "two", "peerId": peer, "token": token(peer)})
            assert (await socket.receive_json())["type"] == "peer_list"
        assert json.loads(await process.stdout.readline())["state"] == "trying"
        await sockets[1].send_json({"type": "offer", "to": "dan", "sdp": "v=0"})
        said = json.loads(await process.stdout.readline())["sentence"]
        assert said == "dan and eve: eve has sent an offer, and dan may still answer"
        assert json.loads(await process.stdout.readline())["reason"] == "offer-unanswered"  # because of time alone
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 128 + signal.SIGINT


@pytest.mark.parametrize("command", [["why", "--watch"], ["tail", "-n", "1"]])
def test_a_command_that_waits_for_news_ends_with_a_sentence_when_the_sidecar_ends(
    tmp_path: Path, command: list[str]
) -> None:
    with serving(tmp_path) as sidecar:
        runtime = read_runtime(tmp_path)
        assert runtime is not None
        whole = [*SIDECAR, *command, "--url", str(sidecar.ready["url"])]
        env = os.environ | PYTHON_PATH | {"SIDECAR_ADMIN_TOKEN": runtime.admin_token}
        pipe = subprocess.PIPE
        with subprocess.Popen(whole, stdout=pipe, stderr=pipe, text=True, env=env) as process:
            assert process.stdout is not None
            if command[0] == "tail":
                assert process.stdout.readline()
            sidecar.process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr.count("\n")) == (2, 1)
    assert "has not answered: " in stderr


def test_tail_ends_when_nobody_reads_its_output(url: str) -> None:
    command = [*SIDECAR, "tail", "-n", "1", "--url", url]
    env = os.environ | PYTHON_PATH | {"SIDECAR_ADMIN_TOKEN": token("ops", scope="admin")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        watchdog = Timer(PATIENCE_S, process.kill)
        watchdog.start()
        assert process.wait() == 0
        watchdog.cancel()


class EndsSoon(BaseHTTPRequestHandler):
    """A sidecar that sends its whole log, and ends at once."""

    text = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.text if "/records" in self.path else b'{"rooms": []}')

    def log_message(self, *_: Any) -> None:
        pass


def test_watching_prints_what_the_last_records_of_a_sidecar_say(tmp_path: Path) -> None:
    Story(tmp_path).negotiates().reports("ann", peerId="ben", **CONNECTED).write()
    EndsSoon.text = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("*.jsonl")))
    with at_server(EndsSoon) as url:
        done = ask("why", "--watch", "--json", "--url", url)
    assert json.loads(done.stdout)["state"] == "connected"
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("flags", [[], ["--watch"]])
@pytest.mark.parametrize(("waited_s", "reason"), [(1, "in-progress"), (60, "offer-unanswered")])
def test_the_clock_of_the_sidecar_says_how_long_a_peer_has_waited(
    tmp_path: Path, flags: list[str], waited_s: int, reason: str
) -> None:
    story = Story(tmp_path).joins("ben", "Ben").describes("ben", "offer")

    class OtherClock(EndsSoon):
        """A sidecar on a machine whose clock is days away from that of this machine."""

        text = story.write().read_bytes()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(story.now_ts + waited_s, usegmt=True)

    with at_server(OtherClock) as url:
        done = ask("why", *flags, "--json", "--url", url)
    assert json.loads(done.stdout)["reason"] == reason


def test_tail_asks_for_the_records_after_those_of_this_run(tmp_path: Path) -> None:
    asked = []

    class Noted(EndsSoon):
        """A sidecar that is restarted after its first answer, so its records begin with the number 1 again."""

        text = Story(tmp_path, boot="r0000001-1").negotiates().write().read_bytes()

        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

    with at_server(Noted) as url:
        ask("tail", "--url", url)
    assert asked == ["/admin/v1/records?after=0&follow=false", "/admin/v1/records?after=7&boot=r0000001-1&follow=true"]
