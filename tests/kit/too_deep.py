"""JSON that is nested more deeply than Python can decode.

Up to Python 3.13, the limit is about a thousand levels. Since Python 3.14 it depends on the size of the stack, and a
value that msgspec only skips may have a quarter of a million levels, so neither text fits into a frame that the sidecar
accepts with its default settings.
"""

LEVELS = 600_000  # more than a stack of 16 MB allows
LIST = "[" * LEVELS + "]" * LEVELS
OBJECT = '{"x":' * LEVELS + "1" + "}" * LEVELS
