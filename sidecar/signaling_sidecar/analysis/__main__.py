"""The process that analyses the event log. The server starts it with `python -m signaling_sidecar.analysis`.

The process ends when its stdin ends, so it also ends if the server is killed.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import BinaryIO

import msgspec

from signaling_sidecar.analysis.analyst import Analyst
from signaling_sidecar.analysis.messages import LENGTH_BYTES, OUT_OF_MEMORY, Begin, Reply, Request, framed
from signaling_sidecar.errors import Code


def main() -> None:
    # Python's garbage collector would find nothing, because no object of this process is part of a reference cycle. It
    # would take a third of the time of an analysis.
    gc.disable()
    requests, replies = sys.stdin.buffer, _own_stdout()
    first = _read(requests)
    if first is None:
        return
    begin = msgspec.msgpack.decode(first, type=Begin)
    analyst = Analyst(begin)
    while (message := _read(requests)) is not None:
        try:
            reply = analyst.reply(_decode(message))
        except MemoryError:
            # The process ends after this reply. The server starts a new process, whose memory is empty.
            reply = Reply(OUT_OF_MEMORY, b"there is not enough memory to analyse the newest part of the event log")
        except Exception:
            traceback.print_exc()
            analyst = Analyst(begin)  # the exception may have left the old analyst in an inconsistent state
            reply = Reply(Code.INTERNAL, b"the event log could not be analysed, because of a bug in the sidecar")
        try:
            replies.write(framed(reply))
            replies.flush()
        except OSError:  # the server has ended
            os._exit(0)  # a normal exit would try to write the reply once more
        if reply.code == OUT_OF_MEMORY:
            return


_decode = msgspec.msgpack.Decoder(Request).decode


def _own_stdout() -> BinaryIO:
    """Return a stream to stdout for the replies, and redirect all output of libraries from stdout to stderr."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _read(requests: BinaryIO) -> bytes | None:
    """Return the next message, or None if the server has ended."""
    length = requests.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length, "big")
    body = requests.read(size)
    return body if len(body) == size else None


if __name__ == "__main__":
    main()
