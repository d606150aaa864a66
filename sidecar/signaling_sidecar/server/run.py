"""Runs the sidecar in the foreground until a signal or the end of stdin stops it."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web

from signaling_sidecar import __version__, systemd
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.state_dir import Runtime
from signaling_sidecar.listening import address_of, check_protection, lacks_protection, listen, url_of
from signaling_sidecar.server.app import Sidecar
from signaling_sidecar.server.background import running
from signaling_sidecar.server.garbage import look_for_garbage_rarely
from signaling_sidecar.server.http.client_errors import MAX_HEADER_BYTES, MAX_HEADERS
from signaling_sidecar.settings import Sources
from signaling_sidecar.stop_signals import stop_signals

KEEPALIVE_S = 10.0  # seconds; with aiohttp's default, a client could keep a socket open for an hour with half a header
LAST_REQUESTS_S = 0.02  # seconds for requests to arrive on connections that were accepted just before the stop
SHUTDOWN_S = 3.0  # seconds for plain HTTP requests to end, after all WebSockets have been closed

_INSECURE = (
    "insecure: other machines can reach port %d, and the sidecar runs without %s; strangers, or a website that is open "
    "in a browser there, may read and send in every room"
)

logger = logging.getLogger("signaling_sidecar")


class Ready(msgspec.Struct, frozen=True):
    """The line of JSON that is printed on stdout, for programs, as soon as the sidecar listens."""

    name: str
    version: str
    url: str
    host: str
    port: int
    pid: int
    boot: str
    state_dir: str


def run(
    sources: Sources,
    *,
    listening: socket.socket | None = None,
    reloaded: bool = False,
    serving: Callable[[], None] = lambda: None,
    exit_on_stdin_eof: bool = False,
) -> None:
    """Serve until a signal of `stop_signals` or, with `exit_on_stdin_eof`, the end of stdin. Only SIGTERM drains.

    `listening` is a socket that the caller has bound. With `reloaded`, this process replaces one with older code, and
    prints nothing. `serving` is called as soon as requests are served. If requests cannot be served, this function
    raises PortTaken, StateDirTaken, StateDirUnusable, NoHome, HooksUnreadable, MissingExtra, SettingsError or another
    SidecarError.
    """
    settings = sources.load()
    listening = listening or listen(settings)
    with listening, _own_stdout() as stdout, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        address = address_of(listening)
        # The settings file may have changed since the socket was bound, and may change while the sidecar runs.
        sources = replace(sources, check=lambda later: check_protection(later, address))
        sources.check(settings)
        sidecar = Sidecar(settings, sources, reloaded=reloaded)

        def announce() -> None:
            look_for_garbage_rarely()
            ready = _write_runtime(sidecar, listening)
            if not reloaded:
                _print_ready(ready, stdout)
                message = "signaling sidecar %s on %s, event log in %s"
                logger.info(message, __version__, ready.url, ready.state_dir, extra={"code": "serving"})
                if missing := lacks_protection(settings, address):
                    logger.warning(_INSECURE, ready.port, " and ".join(missing), extra={"code": "insecure"})
            serving()
            systemd.notify("READY=1")

        runner.run(_serve(sidecar, listening, announce, exit_on_stdin_eof))
    if settings.hooks is not None:
        _leave_threads_behind()


def _print_ready(ready: Ready, stdout: io.FileIO) -> None:
    """Print the ready line. Raises BrokenPipeError if the program that started the sidecar has ended."""
    try:
        stdout.write(msgspec.json.encode(ready) + b"\n")
    except BrokenPipeError:
        raise
    except OSError as error:  # the disk may be full
        logger.warning("stdout cannot be written: %s", error.strerror, extra={"code": "stdout"})


def _leave_threads_behind() -> None:
    """End the process now if hooks have left threads running, because Python would otherwise wait for them."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextmanager
def _own_stdout() -> Iterator[io.FileIO]:
    """Keep stdout for the ready line. What hooks print goes to stderr, like all text for people.

    `print` must use `sys.stderr`, because `sys.stdout` would keep the lines in a buffer if stdout is not a terminal.
    """
    sys.stdout.flush()
    with io.FileIO(os.dup(1), "w") as stdout, redirect_stdout(sys.stderr):
        os.dup2(2, 1)
        try:
            yield stdout
        finally:
            os.dup2(stdout.fileno(), 1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # uvloop does not exist for Windows
        return None
    return uvloop.new_event_loop


async def _serve(
    sidecar: Sidecar, listening: socket.socket, announce: Callable[[], None], exit_on_stdin_eof: bool
) -> None:
    stop = _Stop()
    _stop_on_signals(stop)
    runner = web.AppRunner(
        sidecar.app(),
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
        auto_decompress=False,  # no request here has a compressed body
    )
    if exit_on_stdin_eof:
        _stop_on_stdin_eof(stop)
    if not await _is_done_before(stop.asked, runner.setup()):
        return
    async with running(systemd.feed_watchdog()):
        try:
            await web.SockSite(runner, listening).start()
            announce()
            await stop.asked.wait()
        finally:
            await _stop(sidecar, runner, stop)


async def _stop(sidecar: Sidecar, runner: web.AppRunner, stop: _Stop) -> None:
    systemd.notify("STOPPING=1")
    sidecar.held_state_dir.remove_runtime()  # before draining, so that no program finds this sidecar any more
    if not stop.at_once.is_set():
        await _is_done_before(stop.at_once, sidecar.drain())
    for site in list(runner.sites):
        await site.stop()
    # If a part of a request arrives after `cleanup` has begun, aiohttp 3.14 discards that part, and then waits for it.
    await asyncio.sleep(LAST_REQUESTS_S)
    await runner.cleanup()


async def _is_done_before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Return True when the work is done, or cancel it and return False when `stop` is set first.

    The work may take long, for example to import a hooks file. Raises the exceptions of the work.
    """
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    is_done = working.done()
    stopping.cancel()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    return is_done


def _write_runtime(sidecar: Sidecar, listening: socket.socket) -> Ready:
    host, port = listening.getsockname()[:2]
    url = url_of(listening)
    project = str(sidecar.settings.project)
    hooks = None if sidecar.settings.hooks is None else str(sidecar.settings.hooks.absolute())
    runtime = Runtime(url, os.getpid(), sidecar.boot, __version__, project, sidecar.admin_token, hooks)
    sidecar.held_state_dir.write_runtime(runtime)
    if not sidecar.settings.private:
        state_dir.point_to(sidecar.state_dir, sidecar.settings.project)
    folder = str(sidecar.state_dir)
    return Ready("signaling-sidecar", __version__, url, host, port, os.getpid(), sidecar.boot, folder)


class _Stop:
    """`asked` is set when the sidecar should stop, and `at_once` when it should stop without draining any longer."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    def ask(self) -> None:
        """Stop after draining, or at once if this is the second call."""
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()

    def stop_at_once(self) -> None:
        self.at_once.set()
        self.asked.set()


def _stop_on_signals(stop: _Stop) -> None:
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        act = stop.ask if number == signal.SIGTERM else stop.stop_at_once
        try:
            loop.add_signal_handler(number, act)
        except NotImplementedError:  # the event loop of Windows has no signal handlers
            signal.signal(number, lambda *_, act=act: loop.call_soon_threadsafe(act))


def _stop_on_stdin_eof(stop: _Stop) -> None:
    """Stop when the process that started this one has ended in any way, which closes its end of the pipe.

    A thread waits for that, because only a blocking read notices the end of a pipe on every platform.
    """
    loop = asyncio.get_running_loop()

    def wait_for_eof() -> None:
        with suppress(OSError):  # raised if stdin was closed from the beginning, or if its terminal is gone
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # raised if the event loop has ended already
            loop.call_soon_threadsafe(stop.stop_at_once)

    threading.Thread(target=wait_for_eof, name="stdin-eof", daemon=True).start()
