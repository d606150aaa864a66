"""When Python looks for garbage: objects that refer to each other, and to which nothing else refers.

Meanwhile, the sidecar does nothing else. With Python's defaults, it looks through all objects again whenever their
number has grown by a quarter: for 20 ms because of all modules, and for 0.4 s with 5,000 connections. A sidecar has
little garbage of this kind: none is left by a connection that has ended.
"""

from __future__ import annotations

import gc

NEW_OBJECTS = 10_000  # new objects, after which the new ones are searched, in 5 to 10 ms
YOUNG_EVERY = 5  # searches of new objects, after which those that they have left are searched too, in 50 ms
ALL_EVERY = 20  # of those searches, after which all objects are searched: never, with the default limits


def look_for_garbage_rarely() -> None:
    """Must be called when everything has been loaded. What exists already is never looked through."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_EVERY, ALL_EVERY)
