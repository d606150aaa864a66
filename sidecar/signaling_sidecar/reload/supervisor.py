"""Implements `sidecar serve --reload`: when the code of the sidecar changes, a process with the new code replaces the
running one, and no connection is refused meanwhile.

The supervisor owns the listening socket, so new connections wait in its backlog while no process accepts them. It has
two workers: one serves, and one is on standby, which has imported everything but our own code. When our code changes,
the standby imports it. If that succeeds, the serving worker is stopped as by SIGTERM, and the standby continues from
the event log that it leaves. If the import fails, the serving worker keeps serving.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

PACKAGE = Path(__file__).parent.parent
WORKER = Path(__file__).with_name("worker.py")
DEBOUNCE_MS = 50  # milliseconds after the last change of one save; a formatter makes another one within a few ms
STEP_MS = 10  # milliseconds between two checks for more changes
LOOK_MS = 200  # milliseconds that a check for changes takes when there are none
STOPS_WITHIN_S = 10.0  # seconds for the old worker to close its connections, before it is killed

logger = logging.getLogger("signaling_sidecar")


class Takeover(Protocol):
    """The object in a worker that serves. Its class must be a dataclass whose fields can be represented in JSON."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def serve(self, descriptor: int, *, reloaded: bool, serving: Callable[[], None]) -> None:
        """Serve on the listening socket with this descriptor until stdin ends."""


class Worker:
    """A process that runs `worker.py`, which describes how the two talk.

    It shares the stdout of the supervisor, so its ready line goes directly to the program that waits for it.
    """

    def __init__(self, listening: socket.socket, target: str, arguments: str) -> None:
        # A script, and not a module with `-m`: nothing of ours must be imported before the worker is told to load it.
        reading, answering = os.pipe()
        command = [sys.executable, "-P", str(WORKER), str(listening.fileno()), str(answering), target, arguments]
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno(), answering],
            bufsize=0,  # otherwise `close` would try again to write what a worker that has ended could not read
            # A bytecode cache takes two saves within one second for the same version if their sizes are equal.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        os.close(answering)
        self._answers = os.fdopen(reading)

    def tell(self, word: str) -> bool:
        """Write a line to the worker. Returns False if it has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{word}\n".encode())
        except BrokenPipeError:
            return False
        return True

    def loads(self) -> bool:
        """Make the worker import the current code of the sidecar. Returns whether this succeeded."""
        return self.tell("load") and self._answers.readline() == "loaded\n"

    def serves(self, stop: threading.Event, how: str = "serve") -> bool:
        """Let the worker serve. Returns True when it serves, and False if it cannot serve or if `stop` is set.

        That may take long, because the hooks file is imported first.
        """
        if not self.tell(how):
            return False
        while not stop.is_set():
            if select.select([self._answers], [], [], LOOK_MS / 1000)[0]:
                return self._answers.readline() == "serving\n"
        return False

    def stop(self) -> None:
        """Stop the worker, and wait until its process has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._answers.close()


class Supervisor:
    """Each worker imports the class of `takeover`, creates an instance with the same fields, and calls its `serve`."""

    def __init__(self, listening: socket.socket, takeover: Takeover) -> None:
        self._listening = listening
        self._target = f"{type(takeover).__module__}:{type(takeover).__qualname__}"
        self._arguments = json.dumps(asdict(takeover))
        self._stop = threading.Event()
        self._looks: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._serving = self._new_worker()
        self._standby: Worker | None = None

    def stop(self) -> None:
        """Make `run` return."""
        self._stop.set()

    def run(self) -> int:
        """Serve until `stop` is called or the serving worker ends by itself. Returns the exit code."""
        threading.Thread(target=self._watch, name="code-watch", daemon=True).start()
        try:
            loaded = self._serving.loads()
            self._has_changed()  # the first check, after which every save is noticed
            if not (loaded and self._serving.serves(self._stop)):
                return 0 if self._stop.is_set() else self._serving.process.wait()
            self._stop_with(self._serving)
            self._standby = self._new_worker()  # not earlier, because it would slow down the start of the first
            while not self._stop.is_set():
                if self._has_changed():
                    self._swap(self._standby)
                    self._standby = self._new_worker()
            return self._serving.process.poll() or 0
        finally:
            self._serving.stop()
            if self._standby is not None:
                self._standby.stop()

    def _watch(self) -> None:
        """Check for changes until `stop` is called, and put into `_looks` whether a check found any."""
        try:
            self._watch_code(force_polling=None)
        except (OSError, RuntimeError):  # the programs of this user watch as many files as the system allows
            self._watch_code(force_polling=True)
        self._looks.put(False)

    def _watch_code(self, *, force_polling: bool | None) -> None:
        from watchfiles import PythonFilter, watch

        for changes in watch(
            PACKAGE,
            watch_filter=PythonFilter(),
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            force_polling=force_polling,
        ):
            self._looks.put(bool(changes))

    def _has_changed(self) -> bool:
        """Wait for the next check. Returns whether there was a change since the last call."""
        changed = self._looks.get()
        while not self._looks.empty():
            changed |= self._looks.get()
        return changed

    def _swap(self, standby: Worker) -> None:
        began_s = time.monotonic()
        if not standby.loads():
            logger.error("the sidecar's new code cannot be loaded: the old code keeps serving")
            standby.stop()
        else:
            old, self._serving = self._serving, standby
            old.stop()
            if self._serving.serves(self._stop, "reload"):
                logger.info("the sidecar's new code is serving, after %.0f ms", 1000 * (time.monotonic() - began_s))
            self._stop_with(self._serving)

    def _stop_with(self, worker: Worker) -> None:
        """Stop the supervisor when the worker ends by itself."""

        def wait() -> None:
            worker.process.wait()
            if worker is self._serving:
                self._stop.set()

        threading.Thread(target=wait, name="worker-end", daemon=True).start()

    def _new_worker(self) -> Worker:
        return Worker(self._listening, self._target, self._arguments)
