"""Decodes a checkpoint or record that has invalid values, so that one damaged value does not end all sessions.

1. An invalid field is left out if the state can do without it. Otherwise the whole object with this field is left out.
2. A field that says who may use a session is never left out alone, because then any client could use the session.
3. The frames that are kept for a session have consecutive numbers. If one cannot be read, all of them are left out.
"""

from __future__ import annotations

import types
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from signaling_sidecar.hub.checkpoint import KeptFrameState, RoomInLog, SessionState
from signaling_sidecar.hub.matchmaking import Waiting

_LEFT_OUT_ALONE = (RoomInLog, SessionState, KeptFrameState, Waiting)
"""If an object of one of these types cannot be read, only this object is left out of its list, not the whole list."""
_ESSENTIAL = frozenset(
    {
        "dialect",
        "room",
        "session",
        "peer",
        "resumption",
        "issued",
        "token",
        "proven",
        "sent",
        "handled",
        "own_token",
    }
)
_DEFAULTS: dict[str, Any] = {"capacity": 0, "listed": False, "created_at_ms": 0, "joined_at_ms": 0, "idle_s": 0.0}
"""The default values of required fields that are missing or invalid."""
_T = TypeVar("_T")


def read_back(text: bytes | str, type_: type[_T]) -> tuple[_T, list[str]]:
    """Decode JSON text. Returns the value, and a description of each part that was left out because it is invalid.

    Raises msgspec.DecodeError if no part of the text can be used.
    """
    try:
        return msgspec.json.decode(text, type=type_), []
    except msgspec.ValidationError:
        left_out: list[str] = []
        return _sound(msgspec.Raw(text), type_, "", left_out), left_out


def _sound(raw: msgspec.Raw, type_: Any, path: str, left_out: list[str]) -> Any:
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError:
        inner = _without_none(type_)
        if get_origin(inner) is list and get_args(inner)[0] in _LEFT_OUT_ALONE:
            return _sound_items(raw, get_args(inner)[0], path, left_out)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner(**_sound_fields(raw, inner, path, left_out))
        raise


def _sound_items(raw: msgspec.Raw, type_: Any, path: str, left_out: list[str]) -> list[Any]:
    found = []
    for number, item in enumerate(msgspec.json.decode(raw, type=list[msgspec.Raw])):
        try:
            found.append(_sound(item, type_, f"{path}[{number}]", left_out))
        except msgspec.ValidationError as error:
            left_out.append(f"{path}[{number}]: {error}")
    return found


def _sound_fields(raw: msgspec.Raw, type_: type[msgspec.Struct], path: str, left_out: list[str]) -> dict[str, Any]:
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(type_):
        where = f"{path}.{field.name}".lstrip(".")
        try:
            if field.name in fields:
                found[field.name] = _sound(fields[field.name], field.type, where, left_out)
            elif field.required and field.name not in _DEFAULTS:
                raise msgspec.ValidationError(f"{where} is missing")
        except msgspec.ValidationError as error:
            if field.name in _ESSENTIAL or (field.required and field.name not in _DEFAULTS):
                raise
            left_out.append(f"{where}: {error}")
        if field.required and field.name not in found:
            found[field.name] = _DEFAULTS[field.name]
    return found


def _without_none(type_: Any) -> Any:
    if get_origin(type_) in (Union, types.UnionType):
        (type_, *others) = [each for each in get_args(type_) if each is not type(None)]
        return Union[type_, *others] if others else type_
    return type_
