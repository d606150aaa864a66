"""Functions with which dialects read and write frames. Reading never raises an exception, whatever bytes a client
sends: a frame that cannot be read becomes the command `Refuse`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.kinds import read_tagged
from signaling_sidecar.dialects.outline import outline, well_formed
from signaling_sidecar.dialects.port import Caller, Encoded
from signaling_sidecar.errors import NOT_JSON, Refusal
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.commands import Carried, Command
from signaling_sidecar.hub.messages import Message

MAX_KIND_CHARS = 64  # an unknown type is recorded up to this length
NO_TYPE = "undefined"  # recorded for a frame without a type, because `frame.type` has this value in JavaScript

encode_json = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, gc=False):
    """The fields that a dialect reads from each of its frames. A dialect adds its own fields in a subclass.

    If the kind of a frame is in another field than `type`, the subclass names that field:
    `type: Any = msgspec.field(name="op", default=None)`. For frames that are JSON arrays, the subclass is declared with
    `array_like=True`. Its fields are the items in their order, after `type`, which is the first item. If the kind is
    another item, the subclass names the field of that item: `kind_field: ClassVar[str] = "event"`.
    """

    kind_field: ClassVar[str] = "type"
    type: Any = None

    @property
    def kind(self) -> str:
        kind = getattr(self, self.kind_field)
        return kind[:MAX_KIND_CHARS] if isinstance(kind, str) else NO_TYPE

    @property
    def ref(self) -> msgspec.Raw | None:
        """Return the JSON text of the frame's id, in dialects whose answers repeat that id. Otherwise None."""
        return None

    def numbered(self, command: Carried, connection: int) -> Command:
        """Return the command together with the sequence numbers on its frame (`Numbered`), in dialects that number
        frames. Otherwise the command alone."""
        return command


class BadFrameError(Exception):
    """Raised by code that reads a frame, to refuse the frame."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def check(*refusals: Refusal | None) -> None:
    """Raise a BadFrameError with the first refusal that is not None. Does nothing if all are None."""
    for refusal in refusals:
        if refusal is not None:
            raise BadFrameError(refusal)


E = TypeVar("E", bound=Envelope)
E_co = TypeVar("E_co", bound=Envelope, covariant=True)


class Envelopes(Protocol[E_co]):
    """The interface of decoders for envelopes of one type. `TAGGED` has it, and so does `msgspec.json.Decoder`."""

    # This is `Any` because msgspec declares the property `type` of its decoder as `type[E]` until version 0.22, and as
    # `TypeForm[E]` since then.
    @property
    def type(self) -> Any: ...

    def decode(self, frame: bytes, /) -> E_co: ...


class Tagged(Envelope, gc=False):
    """The envelope of a frame with the layout that `read_tagged` reads. `type` is the frame's kind."""

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
    """Create a dialect's `decode` function from `read`, which converts a frame with a decoded envelope to a command.

    `read` may raise BadFrameError and the exceptions of msgspec. When the envelope of a frame cannot be decoded,
    `outlined` creates one from the fields that `outline` has found in the frame.
    """
    decode_envelope = envelopes.decode
    is_array = envelopes.type.__struct_config__.array_like
    opening, shape = (b"[", "array") if is_array else (b"{", "object")
    names = [field.encode_name for field in msgspec.structs.fields(envelopes.type)]
    place = envelopes.type.__struct_fields__.index(envelopes.type.kind_field)
    kind_name = b"%d" % place if is_array else encode_json(names[place])

    def decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
        envelope: E | None = None
        try:
            if not frame.isascii():
                frame.decode()  # raises an error for invalid UTF-8, which the JSON decoder overlooks in skipped values
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
            # Retry with the repaired frame. If the repair has changed the kind, refuse the frame.
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
    """Create the `decode_binary` function of a dialect whose clients may send their JSON text in binary frames. The
    text is relayed in text frames, because only a payload of the type `Binary` is relayed in a binary frame."""
    return lambda frame, caller, at_ms: decode(bytes(frame), caller, at_ms)


def binary_reader(
    read: Callable[[bytes, Caller, int], Carried], kind: str | None = None
) -> Callable[[bytes, Caller, int], Command]:
    """Create a dialect's `decode_binary` function from `read`, which may raise BadFrameError.

    `kind` is recorded with each refused frame. Only a dialect with a single kind of binary frames can give `kind`.
    """

    def decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
        try:
            return read(frame, caller, at_ms)
        except BadFrameError as bad:
            return commands.Refuse(connection=caller.connection, refusal=bad.refusal, kind=kind, size=len(frame))

    return decode


def writer(encoders: Mapping[type, Callable[[Any, int], Encoded]]) -> Callable[[Message, int], Encoded]:
    """Create a dialect's `encode` function from one encoder for each type of message. Messages of a type without an
    encoder are not sent."""

    def encode(message: Message, at_ms: int) -> Encoded:
        encoder = encoders.get(type(message))
        return None if encoder is None else encoder(message, at_ms)

    return encode
