"""Makes Python's garbage collector run rarely. The collector finds unreachable objects that refer to each other.

The sidecar does nothing else while the collector runs. With Python's defaults, a full collection takes place whenever
the number of objects has grown by a quarter. A full collection takes 20 ms for the modules alone, and 0.4 s with 5,000
connections. A sidecar has few objects that only the collector can free. In particular, a connection that has ended
leaves none.
"""

from __future__ import annotations

import gc

# The thresholds of the collector's generations 0, 1 and 2 (see `gc.set_threshold`).
NEW_OBJECTS = 10_000  # after so many new objects, generation 0 is collected, which takes 5 to 10 ms
YOUNG_EVERY = 5  # after so many collections of generation 0, generation 1 is collected, which takes 50 ms
# After so many collections of generation 1, all objects are collected. With the default limits, a sidecar never has
# enough objects for that.
ALL_EVERY = 20


def look_for_garbage_rarely() -> None:
    """Make the collector run rarely, and ignore all objects that exist already. Must be called when all modules are
    loaded."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_EVERY, ALL_EVERY)
