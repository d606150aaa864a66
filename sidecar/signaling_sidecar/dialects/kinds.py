"""How a frame's kind is read: the word in a frame that says what the frame asks for."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from signaling_sidecar.dialects.outline import well_formed
from signaling_sidecar.errors import NOT_JSON

KindOf = Callable[[bytes], str | None]
"""Reads the kind of a text frame. It returns None for a frame that has no kind, or that cannot be read."""


def kind_in(field: str) -> KindOf:
    """Read the kind from a field of a JSON object: `kind_in("op")` for frames such as `{"op": "join"}`."""
    return _read_with(msgspec.defstruct("_Kinded", [("kind", str)], rename={"kind": field}))


def kind_first() -> KindOf:
    """Read the kind from the first item of a JSON array, for frames such as `["join", "bar"]`."""
    return _read_with(msgspec.defstruct("_Kinded", [("kind", str)], array_like=True))


def kind_tag() -> KindOf:
    """Read the kind of a frame that is tagged as `read_tagged` says."""

    def kind_of(frame: bytes) -> str | None:
        try:
            return read_tagged(well_formed(frame))[0]
        except NOT_JSON:
            return None

    return kind_of


_TAGGED = msgspec.json.Decoder(str | dict[str, msgspec.Raw])
_NO_CONTENT = msgspec.Raw(b"null")


def read_tagged(frame: bytes) -> tuple[str, msgspec.Raw]:
    """Read the kind and the content of a frame that is an object with its kind as the only key, such as
    `{"Signal": {...}}`, or a string for a kind without content, such as `"KeepAlive"`.

    This is how Rust's serde writes an enum unless it is told otherwise. Raises what msgspec raises.
    """
    value = _TAGGED.decode(frame)
    if isinstance(value, str):
        return value, _NO_CONTENT
    if len(value) != 1:
        raise msgspec.ValidationError(f"expected 1 key, which is the kind of the frame, and got {len(value)}")
    ((kind, content),) = value.items()
    return kind, content


def _read_with(type_: type[msgspec.Struct]) -> KindOf:
    decoder = msgspec.json.Decoder(type_)

    def kind_of(frame: bytes) -> str | None:
        try:
            kind: str = decoder.decode(well_formed(frame)).kind  # type: ignore[attr-defined]
        except NOT_JSON:
            return None
        return kind

    return kind_of
