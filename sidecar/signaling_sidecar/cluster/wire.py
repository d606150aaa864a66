"""Encode and decode the messages between the instances of a cluster.

1. A batch of messages begins with one JSON array. The array does not contain values that clients or hooks have sent as
   JSON text or as bytes: payloads, metadata, the data of records and so on. These values are called parts.
2. The parts follow the array unchanged, because encoding them as values of the array would take longer than encoding
   everything else. A client can also nest its metadata so deeply that a parser would refuse it inside of other JSON.
   Between the array and the parts is a JSON array of their sizes in bytes, with a zero byte before and after it. JSON
   never contains a zero byte.
3. In the place of each part, the array has a value that says what the part is: `""` for text, `"AA=="` (one byte) for a
   `Binary`, `0` for JSON text, and `{}` for an object.
4. Each decoded part is a copy, so metadata that the hub keeps for hours does not keep the whole batch in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import accumulate, pairwise
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import UNSET, Raw, Struct
from msgspec.structs import force_setattr, replace

from signaling_sidecar.cluster.messages import ToFront, ToOwner
from signaling_sidecar.errors import NOT_JSON, UnreadableMessage
from signaling_sidecar.hub.payloads import Binary

T = TypeVar("T")

_TEXT, _BINARY, _JSON_TEXT = b"", b"\0", Raw(b"0")
_BETWEEN = b"\0"
_StructType = type(Struct)
_to_json = msgspec.json.Encoder().encode
_messages_to_owner: Callable[[bytes], list[ToOwner]] = msgspec.json.Decoder(list[ToOwner]).decode
_messages_to_front: Callable[[bytes], list[ToFront]] = msgspec.json.Decoder(list[ToFront]).decode
_sizes = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(ge=0)]]).decode
_raw_values = msgspec.json.Decoder(dict[str, Raw]).decode
_any_json = msgspec.json.Decoder(Raw).decode


def encode_to_owner(messages: Sequence[ToOwner]) -> bytes:
    return _encode(messages)


def decode_to_owner(data: bytes) -> list[ToOwner]:
    """Raises UnreadableMessage."""
    return _decode(_messages_to_owner, data)


def encode_to_front(messages: Sequence[ToFront]) -> bytes:
    return _encode(messages)


def decode_to_front(data: bytes) -> list[ToFront]:
    """Raises UnreadableMessage."""
    return _decode(_messages_to_front, data)


@cache
def _fields(struct: type[Struct]) -> tuple[str, ...]:
    """Return the names of those fields of a struct that may contain parts."""
    return tuple(name for name, hint in get_type_hints(struct).items() if _has_parts(hint))


def _has_parts(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return bool(_fields(hint))
    return hint in (bytes, Raw, Mapping[str, Any]) or any(map(_has_parts, get_args(hint)))


# --- encoding --------------------------------------------------------------------------------------------------------


def _encode(messages: Sequence[Struct]) -> bytes:
    parts: list[bytes] = []
    array = _well_formed_json([_without_parts(message, parts) for message in messages])
    return _BETWEEN.join((array, _to_json([*map(len, parts)]), b"".join(parts))) if parts else array


def _without_parts(value: Any, parts: list[bytes]) -> Any:
    """Append all parts of the value to `parts`. Returns the value with a placeholder for each part."""
    type_: type = type(value)  # comparing types is much faster than `isinstance` with a Struct or a Mapping
    if value is None or value is UNSET:
        return value
    if type_ is bytes or type_ is Binary:
        parts.append(value)
        return _TEXT if type_ is bytes else _BINARY
    if type(type_) is _StructType:
        changes = {}
        for name in _fields(type_):
            old = getattr(value, name)
            new = _without_parts(old, parts)
            if new is not old:
                changes[name] = new
        return replace(value, **changes) if changes else value
    if type_ is Raw:
        parts.append(bytes(value))
        return _JSON_TEXT
    if type_ is tuple or type_ is list:
        return [_without_parts(each, parts) for each in value]
    parts.append(_well_formed_json(dict(value)))
    return {}


def _well_formed_json(value: Any) -> bytes:
    """Return the value as JSON text. A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD.

    In the value of an HTTP header, Python represents bytes that are not UTF-8 as lone surrogates.
    """
    try:
        return _to_json(value)
    except UnicodeEncodeError:
        return _to_json(_well_formed(value))


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Struct):
        fields = value.__struct_fields__
        return replace(value, **{name: _well_formed(getattr(value, name)) for name in fields})
    if isinstance(value, Mapping):
        return {_well_formed(key): _well_formed(each) for key, each in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [_well_formed(each) for each in value]
    return value


# --- decoding --------------------------------------------------------------------------------------------------------


def _decode(messages_in: Callable[[bytes], list[T]], data: bytes) -> list[T]:
    array, *rest = data.split(_BETWEEN, 2)
    try:
        messages = messages_in(_utf8(array))
        parts = _parts(*rest) if rest else iter(())
        for message in messages:
            _with_parts(message, parts)
    except NOT_JSON as error:
        raise UnreadableMessage(_reason(error)) from None
    if next(parts, None) is not None:
        raise _wrong_parts()
    return messages


def _parts(sizes: bytes, text: bytes = b"") -> Iterator[bytes]:
    """Split `text`, which contains the parts one after the other, into the parts."""
    ends = [0, *accumulate(_sizes(sizes))]
    if ends[-1] != len(text):
        raise _wrong_parts()
    return (text[begin:end] for begin, end in pairwise(ends))


def _with_parts(value: Any, parts: Iterator[bytes]) -> Any:
    """Return the value with its parts instead of their placeholders. A struct is changed in place, because nothing else
    refers to it yet."""
    type_: type = type(value)
    if value is None or value is UNSET:
        return value
    if type_ is bytes:
        part = _next(parts)
        return Binary(part) if value else _utf8(part)
    if type(type_) is _StructType:
        for name in _fields(type_):
            old = getattr(value, name)
            new = _with_parts(old, parts)
            if new is not old:
                force_setattr(value, name, new)
        return value
    if type_ is Raw:
        return _json_text(_next(parts))
    if type_ is tuple or type_ is list:
        return type_(_with_parts(each, parts) for each in value)
    return _object(_next(parts))


def _next(parts: Iterator[bytes]) -> bytes:
    part = next(parts, None)
    if part is None:
        raise _wrong_parts()
    return part


def _utf8(text: bytes) -> bytes:
    """Return the text. Raises UnicodeDecodeError if it is not UTF-8. (msgspec does not check this for a `Raw`.)"""
    if not text.isascii():
        text.decode()
    return text


def _json_text(text: bytes) -> Raw:
    with suppress(RecursionError):  # this is JSON, because the front has parsed it on a shallower call stack
        _any_json(_utf8(text))
    return Raw(text)


def _object(text: bytes) -> dict[str, Any]:
    """Decode those values of the object whose JSON text is unchanged when they are encoded again. The other values,
    such as a client's metadata with spaces in its JSON text, remain JSON text."""
    return {name: _value(raw) for name, raw in _raw_values(_utf8(text)).items()}


def _value(raw: Raw) -> Any:
    text = bytes(raw)
    try:
        value = msgspec.json.decode(text)
        return value if _to_json(value) == text else Raw(text)
    except NOT_JSON:
        return Raw(text)


def _wrong_parts() -> UnreadableMessage:
    return UnreadableMessage("the parts that follow its JSON are not those that the JSON announces")


def _reason(error: Exception) -> str:
    """Describe the error without content of the message. (The text of a ValidationError may quote such content.)"""
    match error:
        case msgspec.ValidationError():
            _, at, place = str(error).rpartition(" - at ")
            return f"a value is missing or has the wrong type{at and ', at '}{at and place}"
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeError():
            return "it is not UTF-8"
    return "it is not JSON"
