"""Hypothesis strategies for the bytes of a WebSocket client.

The bytes are valid frames, invalid frames and arbitrary bytes. The client sends them in arbitrary pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

from signaling_sidecar.dialects import Binary
from signaling_sidecar.server.sockets.frame_check import MAX_FRAGMENTS
from tests.dialects.likely_frames import Cast, steps
from tests.kit.raw_socket import BINARY, CLOSE, PING, PONG, TEXT, closing, frame
from tests.kit.rfc6455 import Limits, Outcome, outcome_of

LIMITS = Limits(message_bytes=2000, fragments=MAX_FRAGMENTS)
CAST = Cast((("a", "first-room"), ("b", "first-room")), ())
Draw = Callable[[SearchStrategy[Any]], Any]


class Sent(NamedTuple):
    """What a client sends after its handshake."""

    pieces: list[bytes]
    is_reset: bool
    """Whether the client resets the connection afterwards. Otherwise the client closes it."""

    @property
    def outcome(self) -> Outcome:
        return outcome_of(b"".join(self.pieces), LIMITS)


@strategies.composite
def sent(draw: Draw, dialect: str) -> Sent:
    data = b"".join(draw(strategies.lists(_parts(dialect), max_size=6)))
    place = draw(strategies.integers(0, len(data)))
    match draw(strategies.integers(0, 9)):
        case 0:
            data = data[:place]
        case 1:
            data = data[:place] + draw(strategies.binary(min_size=1, max_size=4)) + data[place + 1 :]
    data += draw(strategies.sampled_from((closing(1000), b"")))
    cuts = [0, *sorted(draw(strategies.lists(strategies.integers(0, len(data)), max_size=8))), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(cuts)]
    return Sent([piece for piece in pieces if piece], draw(strategies.integers(0, 9)) == 0)


def _parts(dialect: str) -> SearchStrategy[bytes]:
    ping = strategies.binary(max_size=125).map(lambda payload: frame(PING, payload))
    return strategies.one_of(
        steps(dialect, CAST).map(lambda step: frame(BINARY if isinstance(step[1], Binary) else TEXT, step[1])),
        strategies.tuples(steps(dialect, CAST), ping).map(lambda drawn: _in_fragments(drawn[0][1], drawn[1])),
        ping,
        strategies.sampled_from((*_LARGEST, *map(closing, (1000, 1001, 4999, 1006, 0)))),
        strategies.builds(
            frame,
            strategies.integers(0, 15) | strategies.sampled_from((0, TEXT, BINARY, CLOSE, PING, PONG)),
            strategies.binary(max_size=130),
            fin=strategies.booleans(),
            masked=strategies.integers(0, 9).map(bool),
            reserved=strategies.integers(0, 70).map(lambda value: value if value < 8 else 0),
        ),
        strategies.binary(max_size=20),
    )


def _in_fragments(payload: bytes, between: bytes) -> bytes:
    """Split a message into three frames, and put the frame `between` after the first."""
    opcode, third = BINARY if isinstance(payload, Binary) else TEXT, len(payload) // 3
    first, second = frame(opcode, payload[:third], fin=False), frame(0, payload[third : 2 * third], fin=False)
    return first + between + second + frame(0, payload[2 * third :])


_LARGEST = (
    frame(TEXT, b" " * LIMITS.message_bytes),
    frame(TEXT, b" " * (LIMITS.message_bytes + 1)),
    frame(BINARY, b" " * LIMITS.message_bytes, fin=False) + frame(0, b" "),
    b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\0" * 4,
)
