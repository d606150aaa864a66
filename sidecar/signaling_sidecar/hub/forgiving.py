"""Reading back what a log says of the state as far as it is sound: one wrong value must not cost everybody's place.

1. A field that does not fit is left out, where the state can do without it; else what it is a field of is.
2. What says who may speak for a session is never left out alone: without it the session would be anybody's.
3. Frames that are kept for a session are a row without a hole: of a row with one nothing is kept.
"""

from __future__ import annotations

import types
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from signaling_sidecar.hub.checkpoint import KeptFrameState, RoomInLog, SessionState
from signaling_sidecar.hub.matchmaking import Waiting

_BY_THEMSELVES = (RoomInLog, SessionState, KeptFrameState, Waiting)
"""Of a list of these the others stay."""
_ESSENTIAL = frozenset(
    {"dialect", "room", "session", "peer", "resumption", "issued", "token", "proven", "answered", "sent", "handled"}
)
_REPLACED: dict[str, Any] = {"capacity": 0, "listed": False, "created_at_ms": 0, "joined_at_ms": 0, "idle_s": 0.0}
"""What stands for a field that must be there, where nothing sound does."""
_T = TypeVar("_T")


def read_back(text: bytes | str, type_: type[_T]) -> tuple[_T, list[str]]:
    """Decode JSON text, and say what had to be left out. Raises msgspec.DecodeError when nothing of it is of use."""
    try:
        return msgspec.json.decode(text, type=type_), []
    except msgspec.ValidationError:
        left_out: list[str] = []
        return _sound(msgspec.Raw(text), type_, "", left_out), left_out


def _sound(raw: msgspec.Raw, type_: Any, place: str, left_out: list[str]) -> Any:
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError:
        inner = _without_none(type_)
        if get_origin(inner) is list and get_args(inner)[0] in _BY_THEMSELVES:
            return _sound_items(raw, get_args(inner)[0], place, left_out)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner(**_sound_fields(raw, inner, place, left_out))
        raise


def _sound_items(raw: msgspec.Raw, type_: Any, place: str, left_out: list[str]) -> list[Any]:
    found = []
    for number, item in enumerate(msgspec.json.decode(raw, type=list[msgspec.Raw])):
        try:
            found.append(_sound(item, type_, f"{place}[{number}]", left_out))
        except msgspec.ValidationError as error:
            left_out.append(f"{place}[{number}]: {error}")
    return found


def _sound_fields(raw: msgspec.Raw, type_: type[msgspec.Struct], place: str, left_out: list[str]) -> dict[str, Any]:
    said = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(type_):
        where = f"{place}.{field.name}".lstrip(".")
        try:
            if field.name in said:
                found[field.name] = _sound(said[field.name], field.type, where, left_out)
            elif field.required and field.name not in _REPLACED:
                raise msgspec.ValidationError(f"{where} is missing")
        except msgspec.ValidationError as error:
            if field.name in _ESSENTIAL or (field.required and field.name not in _REPLACED):
                raise
            left_out.append(f"{where}: {error}")
        if field.required and field.name not in found:
            found[field.name] = _REPLACED[field.name]
    return found


def _without_none(type_: Any) -> Any:
    if get_origin(type_) in (Union, types.UnionType):
        (type_, *others) = [each for each in get_args(type_) if each is not type(None)]
        return Union[type_, *others] if others else type_
    return type_
