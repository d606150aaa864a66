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


def _read_with(type_: type[msgspec.Struct]) -> KindOf:
    decoder = msgspec.json.Decoder(type_)

    def kind_of(frame: bytes) -> str | None:
        try:
            kind: str = decoder.decode(well_formed(frame)).kind  # type: ignore[attr-defined]
        except NOT_JSON:
            return None
        return kind

    return kind_of
