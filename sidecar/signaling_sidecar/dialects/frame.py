"""Reading and writing frames, in whatever dialect: bytes that may be anything become a command or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.outline import outline, well_formed
from signaling_sidecar.dialects.port import Caller
from signaling_sidecar.errors import NOT_JSON, Refusal
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.commands import Carried, Command
from signaling_sidecar.hub.effects import Message

MAX_KIND_CHARS = 64  # of a type that may be anything; enough to recognise it by in the log
NO_TYPE = "undefined"  # what a server in JavaScript calls the type of a frame that has none

encode_json = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, gc=False):
    """What every frame has, or should have."""

    type: Any = None

    @property
    def kind(self) -> str:
        return self.type[:MAX_KIND_CHARS] if isinstance(self.type, str) else NO_TYPE

    @property
    def ref(self) -> msgspec.Raw | None:
        """The JSON text of the frame's own id, in dialects that give it back."""
        return None

    def numbered(self, command: Carried, connection: int) -> Command:
        """The command with the numbers on its frame, in dialects that have some."""
        return command


class BadFrameError(Exception):
    """Carries a refusal out of the reading of one frame."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def check(*refusals: Refusal | None) -> None:
    """Raise the first refusal there is, as a BadFrameError."""
    for refusal in refusals:
        if refusal is not None:
            raise BadFrameError(refusal)


E = TypeVar("E", bound=Envelope)


def _type_of(frame: bytes) -> bytes | None:
    return outline(frame).get(b'"type"')


def _no_outline(fields: Mapping[bytes, bytes]) -> None:
    return None


def reader(
    envelopes: msgspec.json.Decoder[E],
    read: Callable[[E, bytes, Caller, int], Carried],
    outlined: Callable[[Mapping[bytes, bytes]], E | None] = _no_outline,
) -> Callable[[bytes, Caller, int], Command]:
    """Make a dialect's `decode` of what reads its frames when their envelope is read.

    `read` may raise BadFrameError, and what msgspec raises. `outlined` makes an envelope of what can be read of a frame
    that is refused before it has one: `outline` says what it is given.
    """

    def decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
        envelope: E | None = None
        try:
            frame.decode()  # the JSON decoder skips over values it does not need, and lets bad UTF-8 in them pass
            envelope = envelopes.decode(frame)
            return envelope.numbered(read(envelope, frame, caller, at_ms), caller.connection)
        except BadFrameError as bad:
            refusal = bad.refusal
        except msgspec.ValidationError as error:
            is_object = frame.lstrip()[:1] == b"{"
            refusal = errors.bad_shape(str(error)) if is_object else errors.bad_json("this is another JSON value")
        except NOT_JSON as error:
            mended = well_formed(frame)
            if mended != frame and _type_of(mended) == _type_of(frame):  # a type with half an emoji in it is none
                return decode(mended, caller, at_ms)
            refusal = errors.bad_json(str(error))
        envelope = envelope if envelope is not None else outlined(outline(frame))
        refuse = commands.Refuse(
            connection=caller.connection,
            refusal=refusal,
            kind=None if envelope is None else envelope.kind,
            size=len(frame),
            ref=None if envelope is None else envelope.ref,
        )
        return refuse if envelope is None else envelope.numbered(refuse, caller.connection)

    return decode


def writer(encoders: Mapping[type, Callable[[Any, int], bytes | None]]) -> Callable[[Message, int], bytes | None]:
    """Make a dialect's `encode` of what writes each message; it is silent about all others."""

    def encode(message: Message, at_ms: int) -> bytes | None:
        encoder = encoders.get(type(message))
        return None if encoder is None else encoder(message, at_ms)

    return encode
