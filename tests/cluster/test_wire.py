"""Messages between the instances of a cluster are read back as they were sent, and no other bytes do any harm."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import UNSET, Raw, UnsetType

from signaling_sidecar.cluster.messages import (
    Administer,
    Ask,
    Call,
    Check,
    Checked,
    Note,
    Reply,
    ToOwner,
)
from signaling_sidecar.cluster.wire import decode_to_front, decode_to_owner, encode_to_front, encode_to_owner
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.commands import Command, OfAdmin
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import Message
from signaling_sidecar.hub.payloads import Binary

# --- arbitrary messages, made from their types -----------------------------------------------------------------------

TEXTS = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
JSON_TEXTS = JSON.map(json.dumps) | JSON.map(lambda value: json.dumps(value, ensure_ascii=False, indent=1))
PAYLOADS = st.one_of(
    JSON_TEXTS.map(str.encode),
    st.sampled_from((b'{"base64":"AA=="}', b' {"base64":"AA=="}', b'{"base64":"', b"", b"\0", b"\0\0[]\0")),
    TEXTS.map(str.encode),
    st.binary(max_size=9).map(Binary),
)
PLAIN: Mapping[Any, SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXTS,
    bool: st.booleans(),
    bytes: PAYLOADS,
    Raw: JSON_TEXTS.map(str.encode).map(Raw),
    type(None): st.none(),
    UnsetType: st.just(UNSET),
    Any: JSON,
}


@cache
def values(hint: Any) -> SearchStrategy[Any]:
    """Any values of a type."""
    if hint in PLAIN:
        return PLAIN[hint]
    of = get_origin(hint)
    inner = [values(each) for each in get_args(hint) if each is not ...] if of is not Annotated else []
    if of is Annotated:
        meta = get_args(hint)[1]
        return values(get_args(hint)[0]).map(lambda value: type(value)(min(max(value, meta.ge), meta.le)))
    if of in (Union, types.UnionType):
        return st.one_of(inner)
    if of is Mapping or of is dict:
        return st.dictionaries(*inner, max_size=2)
    if of is tuple:
        return st.lists(inner[0], max_size=2).map(tuple) if ... in get_args(hint) else st.tuples(*inner)
    if of is list:
        return st.lists(inner[0], max_size=2)
    if of is frozenset:
        return st.frozensets(inner[0], max_size=2)
    if issubclass(hint, enum.Enum):
        return st.sampled_from([*hint])
    hints = get_type_hints(hint, include_extras=True)
    if issubclass(hint, tuple):
        return st.builds(hint, **{name: values(each) for name, each in hints.items()})
    of_fields = {each.name: values(hints[each.name]) for each in msgspec.structs.fields(hint)}
    needed = {each.name: of_fields.pop(each.name) for each in msgspec.structs.fields(hint) if each.required}
    return st.fixed_dictionaries(needed, optional=of_fields).map(lambda given: hint(**given))


def carried_to_owner(value: Any) -> list[ToOwner]:
    """All messages that a command or a record can be a part of, or the message itself."""
    match value:
        case Record():
            return [Note(value)]
        case commands.SetOwnRules() | commands.Kick() | commands.CloseRoom() | commands.Say():
            return [Call(1, Administer(value))]
        case _ if isinstance(value, ToOwner):
            return [value]
    return [Ask(value, None), Call(1, Check(value))]


def exactly(value: Any) -> Any:
    """The value with the types of all its parts: `==` does not tell `Binary` from bytes, or an enum from its value."""
    match value:
        case msgspec.Struct():
            return type(value), {name: exactly(getattr(value, name)) for name in value.__struct_fields__}
        case Mapping():
            return [(exactly(key), exactly(each)) for key, each in value.items()]
        case list() | tuple():
            return type(value), [exactly(each) for each in value]
        case Raw():
            return Raw, bytes(value)
    return type(value), value


def there_and_back(messages: Iterable[Any], encode: Callable[..., bytes], decode: Callable[[bytes], list[Any]]) -> None:
    messages = [*messages]
    assert exactly(decode(encode(messages))) == exactly(messages)


# --- exactness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", [*get_args(Command), *get_args(OfAdmin), Record, *get_args(ToOwner)])
@settings(max_examples=20)
@given(st.data())
def test_every_message_to_the_owner_is_read_back_exactly(type_: Any, data: st.DataObject) -> None:
    value = data.draw(values(type_))
    there_and_back(carried_to_owner(value), encode_to_owner, decode_to_owner)


@pytest.mark.parametrize("type_", [*get_args(Message), *{*get_args(Effect)} - {Record}, *get_args(Command), Reply])
@settings(max_examples=20)
@given(st.data())
def test_every_message_to_a_front_is_read_back_exactly(type_: Any, data: st.DataObject) -> None:
    value = data.draw(values(type_))
    if type_ in get_args(Message):
        value = Send((7, 8), value)
    there_and_back(
        [Reply(1, Checked(value)) if type_ in get_args(Command) else value], encode_to_front, decode_to_front
    )
