"""Says where the event loop stands when somebody's synchronous code keeps everybody waiting."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

STALLED_S = 0.25  # seconds; people notice a quarter of one, and no hook needs it
LOOK_S = 0.1  # seconds between two looks

logger = logging.getLogger("signaling_sidecar")


class StallWatch:
    """One thread that looks at another now and then. `stop` ends it."""

    def __init__(self) -> None:
        self._watched = threading.get_ident()
        self._running: tuple[str, float] | None = None
        self._stopped = threading.Event()
        threading.Thread(target=self._look, name="stall-watch", daemon=True).start()

    @contextmanager
    def over(self, name: str) -> Iterator[None]:
        """Within it, `name` runs and is to be quick."""
        self._running = (name, time.monotonic())
        try:
            yield
        finally:
            self._running = None

    def stop(self) -> None:
        self._stopped.set()

    def _look(self) -> None:
        said: tuple[str, float] | None = None
        while not self._stopped.wait(LOOK_S):
            running = self._running
            if running is None or running == said or time.monotonic() - running[1] < STALLED_S:
                continue
            said = running
            frame = sys._current_frames().get(self._watched)
            stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
            logger.warning("the hook %s keeps everybody waiting; it should be async:\n%s", running[0], stack)
