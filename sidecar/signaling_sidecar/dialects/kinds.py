"""Functions that read the kind of a frame: the word in the frame that says what it asks for, such as `join`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signaling_sidecar.dialects.outline import well_formed
from signaling_sidecar.errors import NOT_JSON

KindOf = Callable[[bytes], str | None]
"""Returns the kind of a text frame, or None if the frame has no kind or cannot be read."""


def kind_in(field: str) -> KindOf:
    """Create a function that reads the kind from a field of a JSON object: `kind_in("op")` for frames such as
    `{"op": "join"}`."""
    return _read_with(msgspec.defstruct("_Kinded", [("kind", str)], rename={"kind": field}))


def kind_at(place: int) -> KindOf:
    """Create a function that reads the kind from an item of a JSON array: `kind_at(0)` for frames such as
    `["join", "bar"]`."""
    before = [(f"item{number}", Any) for number in range(place)]
    return _read_with(msgspec.defstruct("_Kinded", [*before, ("kind", str)], array_like=True))


def kind_tag() -> KindOf:
    """Create a function that reads the kind of frames with the layout that `read_tagged` reads."""

    def kind_of(frame: bytes) -> str | None:
        try:
            return read_tagged(well_formed(frame))[0]
        except NOT_JSON:
            return None

    return kind_of


_TAGGED = msgspec.json.Decoder(str | dict[str, msgspec.Raw])
_NO_CONTENT = msgspec.Raw(b"null")


def read_tagged(frame: bytes) -> tuple[str, msgspec.Raw]:
    """Return the kind and the content of a frame. The frame is an object whose only key is the kind, such as
    `{"Signal": {...}}`, or, when the kind has no content, a string such as `"KeepAlive"`.

    By default, Rust's serde writes an enum in this layout. Raises the exceptions of msgspec.
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
