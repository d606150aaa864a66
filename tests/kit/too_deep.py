"""JSON that is nested more deeply than any Python can decode.

The limit depends on the Python version, and since Python 3.14 on the size of the stack. Both texts fit into a frame
that the sidecar accepts.
"""

LIST = "[" * 100_000 + "]" * 100_000
OBJECT = '{"x":' * 40_000 + "1" + "}" * 40_000
