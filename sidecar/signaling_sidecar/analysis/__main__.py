"""The process that analyses the event log. The server starts it with `python -m signaling_sidecar.analysis`.

It ends when its stdin ends, and so when the server ends in any way.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import BinaryIO

import msgspec

from signaling_sidecar.analysis.analyst import Analyst
from signaling_sidecar.analysis.messages import LENGTH_BYTES, OUT_OF_MEMORY, Begin, Reply, Request, framed


def main() -> None:
    # Nothing here has cycles of references, and Python's search for them would take a third of the time.
    gc.disable()
    requests, replies = sys.stdin.buffer, _own_stdout()
    begin = _read(requests)
    if begin is None:
        return
    analyst = Analyst(msgspec.msgpack.decode(begin, type=Begin))
    decode = msgspec.msgpack.Decoder(Request).decode
    while (message := _read(requests)) is not None:
        try:
            reply = analyst.reply(decode(message))
        except MemoryError:
            sentence = b"there is not enough memory to analyse the newest part of the event log"
            replies.write(framed(Reply(OUT_OF_MEMORY, sentence)))
            replies.flush()
            return  # the server starts another process, which does not have what this one has in memory
        replies.write(framed(reply))
        replies.flush()


def _own_stdout() -> BinaryIO:
    """Keep stdout for the replies. What a library prints goes to stderr."""
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
