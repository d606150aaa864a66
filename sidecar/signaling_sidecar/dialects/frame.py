"""Functions with which dialects read and write frames. Any bytes that a client sends become a command or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.kinds import read_tagged
from signaling_sidecar.dialects.outline import outline, well_formed
from signaling_sidecar.dialects.port import Caller
from signaling_sidecar.errors import NOT_JSON, Refusal
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.commands import Carried, Command
from signaling_sidecar.hub.messages import Message

MAX_KIND_CHARS = 64  # characters of an unknown type; enough to recognise it in the log
NO_TYPE = "undefined"  # a server in JavaScript has this for the type of a frame without one

encode_json = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, gc=False):
    """The fields that a dialect reads from each of its frames. A dialect adds its own fields in a subclass.

    A dialect whose frames contain their kind in another field than `type` names that field in its subclass:
    `type: Any = msgspec.field(name="op", default=None)`. For frames that are JSON arrays, the subclass is declared with
    `array_like=True`, and the kind is the first item.
    """

    type: Any = None

    @property
    def kind(self) -> str:
        return self.type[:MAX_KIND_CHARS] if isinstance(self.type, str) else NO_TYPE

    @property
    def ref(self) -> msgspec.Raw | None:
        """Return the JSON text of the frame's id, in dialects whose answers repeat it."""
        return None

    def numbered(self, command: Carried, connection: int) -> Command:
        """Return the command with the numbers on its frame, in dialects that number frames."""
        return command


class BadFrameError(Exception):
    """Raised while a frame is read, to refuse it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def check(*refusals: Refusal | None) -> None:
    """Raise the first of the refusals that is not None, as a BadFrameError."""
    for refusal in refusals:
        if refusal is not None:
            raise BadFrameError(refusal)


E = TypeVar("E", bound=Envelope)
E_co = TypeVar("E_co", bound=Envelope, covariant=True)


class Envelopes(Protocol[E_co]):
    """Decodes envelopes of one type: a `msgspec.json.Decoder` of that type, or `TAGGED`."""

    # The types of msgspec call it a `type[E]` until version 0.22, and a `TypeForm[E]` since.
    @property
    def type(self) -> Any: ...

    def decode(self, frame: bytes, /) -> E_co: ...


class Tagged(Envelope, gc=False):
    """The envelope of a frame that is tagged as `read_tagged` says. `type` is its tag."""

    content: msgspec.Raw = msgspec.Raw(b"null")


class _TaggedEnvelopes:
    type = Tagged

    @staticmethod
    def decode(frame: bytes) -> Tagged:
        return Tagged(*read_tagged(frame))


TAGGED = _TaggedEnvelopes()


def _no_outline(fields: Mapping[bytes, bytes]) -> None:
    return None


def reader(
    envelopes: Envelopes[E],
    read: Callable[[E, bytes, Caller, int], Carried],
    outlined: Callable[[Mapping[bytes, bytes]], E | None] = _no_outline,
) -> Callable[[bytes, Caller, int], Command]:
    """Create a dialect's `decode` from `read`, which reads the rest of a frame after its envelope.

    `read` may raise BadFrameError, and whatever msgspec raises. `outlined` creates an envelope from the fields that
    `outline` could read, for a frame that was refused before its envelope could be decoded.
    """
    decode_envelope = envelopes.decode
    is_array = envelopes.type.__struct_config__.array_like
    opening, shape = (b"[", "array") if is_array else (b"{", "object")
    kind_name = b"0" if is_array else encode_json(msgspec.structs.fields(envelopes.type)[0].encode_name)

    def decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
        envelope: E | None = None
        try:
            if not frame.isascii():
                frame.decode()  # the JSON decoder does not notice bad UTF-8 in values that it skips
            envelope = decode_envelope(frame)
            return envelope.numbered(read(envelope, frame, caller, at_ms), caller.connection)
        except BadFrameError as bad:
            refusal = bad.refusal
        except msgspec.ValidationError as error:
            has_shape = frame.lstrip()[:1] == opening
            refusal = (
                errors.bad_shape(str(error)) if has_shape else errors.bad_json("this is another JSON value", shape)
            )
        except NOT_JSON as error:
            mended = well_formed(frame)
            # A kind with half an emoji in it is not a kind, so it must not become one.
            if mended != frame and outline(mended).get(kind_name) == outline(frame).get(kind_name):
                return decode(mended, caller, at_ms)
            refusal = errors.bad_json(str(error), shape)
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


def text_in_binary(decode: Callable[[bytes, Caller, int], Command]) -> Callable[[bytes, Caller, int], Command]:
    """Create the `decode_binary` of a dialect whose clients may send their text in binary frames. It is relayed as
    text, because a payload that is no `Binary` is text."""
    return lambda frame, caller, at_ms: decode(bytes(frame), caller, at_ms)


def binary_reader(
    read: Callable[[bytes, Caller, int], Carried], kind: str | None = None
) -> Callable[[bytes, Caller, int], Command]:
    """Create a dialect's `decode_binary` from `read`, which may raise BadFrameError.

    `kind` is recorded with each refused frame. It is only for dialects that have a single kind of binary frames.
    """

    def decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
        try:
            return read(frame, caller, at_ms)
        except BadFrameError as bad:
            return commands.Refuse(connection=caller.connection, refusal=bad.refusal, kind=kind, size=len(frame))

    return decode


def writer(encoders: Mapping[type, Callable[[Any, int], bytes | None]]) -> Callable[[Message, int], bytes | None]:
    """Create a dialect's `encode` from one encoder for each type of message. Messages of other types are not sent."""

    def encode(message: Message, at_ms: int) -> bytes | None:
        encoder = encoders.get(type(message))
        return None if encoder is None else encoder(message, at_ms)

    return encode
