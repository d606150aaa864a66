"""Implements `sidecar serve --reload`: when the code of the sidecar changes, a process with the new code replaces the
running one, and no connection is refused meanwhile.

The supervisor owns the listening socket, so new connections wait in its backlog while no process accepts them. It runs
two worker processes: one serves, and one is on standby. The standby has already imported all dependencies, but not the
sidecar's own code. When the code changes, the standby imports it. If that succeeds, the serving worker is stopped as by
SIGTERM, and the standby restores the rooms from the event log and serves. If the import fails, the serving worker keeps
serving.
"""

from __future__ import annotations

import json
import logging
import math
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
DEBOUNCE_MS = 50  # milliseconds; changes within this time are one save: a formatter writes again within a few ms
STEP_MS = 10  # milliseconds between two checks while changes are debounced
LOOK_MS = 200  # milliseconds; the timeout of one wait for changes, or for an answer of a worker
# Seconds in which new code must be imported. Code whose import never ends must not prevent later reloads.
LOADS_WITHIN_S = 30.0
STOPS_WITHIN_S = 10.0  # seconds in which a worker must close its connections and end, before it is killed

logger = logging.getLogger("signaling_sidecar")


class Takeover(Protocol):
    """The object that serves connections in a worker. Its class must be a dataclass with fields that JSON can
    represent, because the supervisor sends the fields to the worker as JSON."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def serve(self, descriptor: int, *, reloaded: bool, serving: Callable[[], None]) -> None:
        """Serve on the listening socket with this descriptor until stdin ends."""


class Worker:
    """A process that runs `worker.py`. The docstring of `worker.py` describes the messages between the two processes.

    The worker inherits the stdout of the supervisor, so the line by which the sidecar reports that it is ready goes
    directly to the program that has started the supervisor.
    """

    def __init__(self, listening: socket.socket, target: str, arguments: str) -> None:
        # The worker is run as a script, because `-m` would import our package before the worker is told to load it.
        reading, answering = os.pipe()
        command = [sys.executable, "-P", str(WORKER), str(listening.fileno()), str(answering), target, arguments]
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno(), answering],
            bufsize=0,  # with a buffer, `close` would write the data left in it, and fail if the worker has ended
            # The bytecode cache takes two versions for the same if they were saved within one second and have the same
            # size.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        os.close(answering)
        self._answers = os.fdopen(reading)
        self._has_loaded = False

    def tell(self, word: str) -> bool:
        """Write a line to the stdin of the worker. Returns False if the worker has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{word}\n".encode())
        except BrokenPipeError:
            return False
        return True

    def loads(self, stop: threading.Event, within_s: float = math.inf) -> bool:
        """Make the worker import the current code of the sidecar, and wait. Returns False if this does not succeed, or
        if `stop` is set."""
        self._has_loaded = self.tell("load") and self._says("loaded", stop, within_s)
        return self._has_loaded

    def serves(self, stop: threading.Event, how: str = "serve") -> bool:
        """Tell the worker to serve, and wait. Returns True when it serves, and False if it cannot or if `stop` is set.

        The wait may be long, because the worker imports the hooks file first.
        """
        return self.tell(how) and self._says("serving", stop, math.inf)

    def _says(self, word: str, stop: threading.Event, within_s: float) -> bool:
        until_s = time.monotonic() + within_s
        while not stop.is_set() and time.monotonic() < until_s:
            if select.select([self._answers], [], [], LOOK_MS / 1000)[0]:
                return self._answers.readline() == f"{word}\n"
        return False

    def stop(self) -> None:
        """Stop the worker, and wait until its process has ended. A worker that has not imported the code has no
        connections, and is killed at once, because the import may never end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOPS_WITHIN_S if self._has_loaded else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._answers.close()


class Supervisor:
    """Runs the workers. Each worker imports the class of `takeover`, creates an instance with the same fields, and
    calls its method `serve`."""

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
        """Run the workers until `stop` is called or the serving worker ends by itself. Returns the exit code."""
        watch = threading.Thread(target=self._watch, name="code-watch", daemon=True)
        watch.start()
        try:
            loaded = self._serving.loads(self._stop)
            self._has_changed()  # wait for the first check: from then on, the thread `code-watch` notices every save
            if not (loaded and self._serving.serves(self._stop)):
                return 0 if self._stop.is_set() else self._serving.process.wait()
            self._stop_with(self._serving)
            self._standby = self._new_worker()  # only now, because it would slow the first worker down
            while not self._stop.is_set():
                if self._has_changed():
                    self._swap(self._standby)
                    self._standby = self._new_worker()
            return self._serving.process.poll() or 0
        finally:
            self._serving.stop()
            if self._standby is not None:
                self._standby.stop()
            self._stop.set()
            watch.join()  # with a watchfiles older than 1.3, Python may crash if it ends while this thread runs

    def _watch(self) -> None:
        """Check for changes until `stop` is called. Each check puts into `_looks` whether it found changes."""
        try:
            self._watch_code(force_polling=None)
        except (OSError, RuntimeError):  # the operating system lets this user watch no more files
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
        """Wait for the result of the next check. Returns whether the code has changed since the last call."""
        changed = self._looks.get()
        while not self._looks.empty():
            changed |= self._looks.get()
        return changed

    def _swap(self, standby: Worker) -> None:
        began_s = time.monotonic()
        if not standby.loads(self._stop, LOADS_WITHIN_S):
            if not self._stop.is_set():
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
