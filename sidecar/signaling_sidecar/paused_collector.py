"""Stops Python's search for garbage while many objects are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 50_000  # objects; to search so many takes a few milliseconds


@contextmanager
def paused_collector() -> Iterator[None]:
    """Stop the search of Python for unused cycles of objects. A diagnosis makes millions of objects without cycles, and
    the search, which looks at all of them again and again, would take a fifth of its time. Imports make few cycles, and
    the search would take a tenth of the time until the sidecar serves.

    It stops in all threads, so a server must not use this while it serves.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            _treat_all_objects_as_old()
            gc.enable()


def _treat_all_objects_as_old() -> None:
    """Otherwise the next search, which is for young objects, would look at all that were made during the pause."""
    young, _, _ = gc.get_count()
    # What somebody else has frozen must stay so. Python counts frozen objects one by one, so this is asked last.
    if young >= MANY and gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()
