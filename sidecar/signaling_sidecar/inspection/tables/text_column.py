"""Builds a column of texts that is one piece of memory.

pandas joins all pieces of a column whenever rows of it are selected. The texts of a log need most of the memory of its
tables, so each selection would need as much memory again, and take a second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class TextColumn:
    """Copies each added text into one buffer, so that the caller can free the added texts before it adds others."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends: list[npt.NDArray[np.int64]] = [np.zeros(1, "int64")]
        self._is_there: list[npt.NDArray[np.bool_]] = []

    def add(self, texts: pa.ChunkedArray) -> None:
        """Add texts of the type `string`. Any of them may be missing."""
        for piece in texts.chunks:
            _, offsets, values = piece.buffers()
            ends = np.frombuffer(offsets, "int32")[piece.offset : piece.offset + len(piece) + 1]
            self._ends.append(ends[1:].astype("int64") + (len(self._bytes) - int(ends[0])))
            self._is_there.append(piece.is_valid().to_numpy(zero_copy_only=False))
            if values is not None:
                self._bytes += memoryview(values)[ends[0] : ends[-1]]

    def whole(self) -> pa.Array:
        """Return all texts. No text can be added afterwards."""
        ends = np.concatenate(self._ends)
        is_there = pa.array(np.concatenate([np.empty(0, "bool"), *self._is_there])).buffers()[1]
        buffers = [is_there, pa.py_buffer(ends), pa.py_buffer(self._bytes)]
        return pa.Array.from_buffers(pa.large_string(), len(ends) - 1, buffers)
