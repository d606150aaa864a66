"""JSON that is nested more deeply than any Python can decode. How much that is depends on its version, and since Python
3.14 on the size of the stack. Both texts are shorter than the longest frame."""

LIST = "[" * 100_000 + "]" * 100_000
OBJECT = '{"x":' * 40_000 + "1" + "}" * 40_000
