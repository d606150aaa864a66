"""Messages between the instances of a cluster are decoded exactly as they were sent, and invalid ones are refused."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import UNSET, Raw, UnsetType

from signaling_sidecar.cluster.messages import (
    Administer,
    Ask,
    Call,
    Check,
    Checked,
    Gone,
    Note,
    Opened,
    Reply,
    Snapshot,
    TakeSnapshot,
    ToOwner,
)
from signaling_sidecar.cluster.wire import decode_to_front, decode_to_owner, encode_to_front, encode_to_owner
from signaling_sidecar.errors import Code, UnreadableMessage
from signaling_sidecar.eventlog.writer import LogWriter
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.checkpoint import Checkpoint
from signaling_sidecar.hub.commands import Command, Join, OfAdmin, Ping, Relay
from signaling_sidecar.hub.effects import Effect, Mark, Record, Send
from signaling_sidecar.hub.grant import Grant
from signaling_sidecar.hub.messages import Message, PeerJoined, Relayed
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.hub.rules import OwnRules, RoomKey
from signaling_sidecar.hub.views import PeerView
from tests.kit import too_deep
from tests.kit.any_json import ANYTHING

ROOM = RoomKey("rooms", "first-room")

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
    """A strategy for arbitrary values of a type."""
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
    """The messages that can contain this command or record. A value that is itself a message is returned as it is."""
    match value:
        case Record():
            return [Note(value)]
        case commands.SetOwnRules() | commands.Kick() | commands.CloseRoom() | commands.Say():
            return [Call(1, Administer(value))]
        case _ if isinstance(value, ToOwner):
            return [value]
    return [Ask(value, None), Call(1, Check(value))]


def exactly(value: Any) -> Any:
    """The value and the types of all its parts, because `==` treats `Binary` like bytes, and an enum like its value."""
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


@pytest.mark.parametrize(
    "type_", [*get_args(Message), *(each for each in get_args(Effect) if each is not Record), *get_args(Command), Reply]
)
@settings(max_examples=20)
@given(st.data())
def test_every_message_to_a_front_is_read_back_exactly(type_: Any, data: st.DataObject) -> None:
    value = data.draw(values(type_))
    if type_ in get_args(Message):
        value = Send((7, 8), value)
    there_and_back(
        [Reply(1, Checked(value)) if type_ in get_args(Command) else value], encode_to_front, decode_to_front
    )


@pytest.mark.parametrize("command", [commands.SetRules({}, 1), commands.SetLogState(True), commands.Tick()])
def test_the_commands_of_the_server_itself_are_refused(command: Any) -> None:
    for data in (encode_to_owner([Ask(command, None)]), said({"type": type(command).__name__, "is_written": True})):
        with pytest.raises(UnreadableMessage):
            decode_to_owner(data)


def said(command: Any) -> bytes:
    return json.dumps([{"type": "Ask", "command": command, "dialect": None}]).encode()


def test_a_message_without_payloads_is_plain_json() -> None:
    assert encode_to_owner([Gone(3)]) == b'[{"type":"Gone","instance":3}]'
    assert decode_to_owner(b' [{"type":"Gone","instance":3}]\n') == [Gone(3)]


def test_payloads_follow_the_json_as_they_are() -> None:
    asked = Ask(Relay(7, "signal", "b", None, b'{"a": 1}', ref=Raw(b'"r"')), "rooms")
    assert encode_to_owner([asked]) == (
        b'[{"type":"Ask","command":{"type":"Relay","connection":7,"kind":"signal","to":"b","claimed_from":null,'
        b'"payload":"","ref":0},"dialect":"rooms"}]\0[8,3]\0{"a": 1}"r"'
    )


def test_the_claims_of_a_token_come_back_as_a_dict() -> None:
    """At the front, the claims are a read-only proxy of a dict."""
    join = Join(
        connection=1, room=ROOM, at_ms=0, grant=Grant(claims=types.MappingProxyType({"sub": "a", "n": [2**70]}))
    )
    (asked,) = decode_to_owner(encode_to_owner([Ask(join, "rooms")]))
    assert asked == Ask(msgspec.structs.replace(join, grant=Grant(claims={"sub": "a", "n": [2**70]})), "rooms")


def test_half_of_a_surrogate_pair_is_replaced_and_the_other_messages_stay_as_they_are() -> None:
    """Invalid UTF-8 in a header, and an escape of a lone surrogate in a token, become lone surrogates in Python."""
    join = Join(
        connection=1, room=ROOM, at_ms=0, ref=Raw(b'{"a" :1}'), grant=Grant(subject="\ud83d", claims={"\ud83d": 1})
    )
    sent = [Opened(1, None, None, None, "a\udcff", "\ud83d\ude00"), Ask(join, None), Gone(3)]
    opened, asked, gone = decode_to_owner(encode_to_owner(sent))
    assert opened == Opened(1, None, None, None, "a\ufffd", "\U0001f600")
    grant = Grant(subject="\ufffd", claims={"\ufffd": 1})
    assert exactly(asked) == exactly(Ask(msgspec.structs.replace(join, grant=grant), None))
    assert gone == Gone(3)


DEEP = Raw(b"[" * 5000 + b"]" * 5000)


def test_metadata_can_be_nested_as_deeply_as_a_client_likes() -> None:
    """If deep nesting was an error, the whole batch, which also has messages of other clients, could not be decoded."""
    sent: list[ToOwner] = [Ask(Join(connection=1, room=ROOM, at_ms=0, metadata=DEEP), None), Ask(Ping(2), None)]
    there_and_back(sent, encode_to_owner, decode_to_owner)
    told = Send((1,), PeerJoined(PeerView("a", 0, metadata=DEEP)))
    there_and_back([told, told], encode_to_front, decode_to_front)


RECORDS = (
    {"metadata": Raw(b'{ "a" : 1.50e0, "a": "\\u00e9" }'), "name": "\u00e9", "token": None},
    {"metadata": Raw(b"1e999")},
    {"code": Code.BAD_FIELD, "peers": ("a", "b"), "rules": OwnRules(capacity=3), "grace_s": 5.0, "idle_s": 1e-7},
    {"n": 2**70, "nan": float("nan"), "of": {"7": [True, None, -0.0]}},
    {},
    b'{ "a" : 1.50e0 }',
    b"not JSON",
    b"",
    None,
)


def test_a_record_makes_the_same_line_of_the_event_log(tmp_path: Path) -> None:
    log = LogWriter(
        tmp_path,
        "b00t",
        header={},
        checkpoint=lambda: Checkpoint([], []),
        payloads="full",
        segment_bytes=1_000_000,
        total_bytes=1_000_000,
        keep_s=60,
        complain=pytest.fail,
    )
    log.open()
    texts: list[bytes] = []
    log.listeners.add(texts.append)
    records = [Record("settings.changed", "rooms", "r", size=3, data=data, numbers={"s": 1}) for data in RECORDS]
    read = [note.record for note in decode_to_owner(encode_to_owner([*map(Note, records)])) if isinstance(note, Note)]
    for record in (*records, *read):
        log.append(record)
    log.close()
    lines = [{**json.loads(line), "seq": 0} for line in b"".join(texts).splitlines()]
    assert lines[: len(RECORDS)] == lines[len(RECORDS) :]


def test_the_data_of_a_record_can_be_read_like_that_of_a_local_one() -> None:
    data = {"code": Code.BAD_FIELD, "count": 2, "ref": Raw(b" [1]")}
    (note,) = decode_to_owner(encode_to_owner([Note(Record("signal.refused", data=data))]))
    assert isinstance(note, Note)
    assert isinstance(note.record.data, dict)
    assert (note.record.data["code"], note.record.data["count"]) == ("bad-field", 2)


# --- other bytes -----------------------------------------------------------------------------------------------------

VALID = (
    *(encode_to_owner(carried_to_owner(command)) for command in (Relay(1, "k", None, None, Binary(b"\xff")), Ping(1))),
    encode_to_owner([Ask(Join(connection=1, room=ROOM, at_ms=2, metadata=Raw(b'{"a":"\xc3\xa9"}')), "rooms"), Gone(1)]),
    encode_to_owner([Note(Record("a.b", data={"a": 1})), Call(1, TakeSnapshot())]),
    encode_to_front(
        [Send((1, 2), Relayed("a", "k", b"\xc3\xa9"), {1: Mark(2)}), Reply(1, Snapshot(Checkpoint([], [])))]
    ),
)


def read_or_refused(data: bytes) -> None:
    for decode in (decode_to_owner, decode_to_front):
        try:
            messages = decode(data)
        except UnreadableMessage:
            continue
        assert isinstance(messages, list)


@pytest.mark.fuzz
@given(st.binary() | st.lists(ANYTHING, max_size=3).map(json.dumps).map(str.encode))
@example(b"")
@example(b"[]\0")
@example(b"[]\0[]\0")
@example(b"[]\0[1]\0a")
@example(b"[]\0[-1,1]\0")
@example(b"[]\0[" + b"9" * 400 + b"]\0")
@example(b"[" * 100_000)
@example(b'[{"type":"Gone","instance":' + b"9" * 5000 + b"}]")
@example(b'[{"type":"Recognised","connection":1,"dialect":"\\ud800"}]')
@example(b'[{"type":"Recognised","connection":1,"dialect":"\xff"}]')
@example(b'[{"type":"Ask","command":{"type":"Ping","connection":1,"ref":0},"dialect":null}]\0[1]\0\xff')
@example(b'[{"type":"Ask","command":{"type":"Ping","connection":1,"ref":0},"dialect":null}]\0[1]\0{')
@example(b'[{"type":"Note","record":{"type":"a","data":{}}}]\0[9]\0{"a":"\xff"}')
@example(b'[{"type":"Note","record":{"type":"a","data":{}}}]\0[2]\0[]')
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


@pytest.mark.fuzz
@given(
    st.sampled_from(VALID), st.integers(0, 300), st.integers(0, 9), st.binary(max_size=5) | JSON_TEXTS.map(str.encode)
)
def test_damaged_messages_are_read_or_refused(data: bytes, at: int, size: int, instead: bytes) -> None:
    at %= len(data)
    read_or_refused(data[:at] + instead + data[at + size :])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"secret", "it is not JSON"),
        (b'["\xff"]', "it is not UTF-8"),
        (b'[{"secret":' + b"[" * too_deep.LEVELS, "it is nested too deeply"),
        (b'"secret - at "', "a value is missing or has the wrong type"),
        (b'[{"type":"secret"}]', "a value is missing or has the wrong type, at `$[0].type`"),
        (said({"type": "End", "connection": 1, "ending": "secret"}), "…, at `$[0].command.ending`"),
        (said({"type": "Ping", "connection": True}), "…, at `$[0].command.connection`"),
        (said({"type": "ListRooms", "connection": 1, "dialect": "d", "only": "secret"}), "…, at `$[0].command.only`"),
        (b"[]\0[6]\0secret", "the parts that follow its JSON are not those that the JSON announces"),
        (said({"type": "Ping", "connection": 1, "ref": 0}), "the parts that follow its JSON are not those …"),
    ],
)
def test_the_error_says_what_is_wrong_without_the_content(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableMessage) as raised:
        decode_to_owner(data)
    assert raised.value.code == "unreadable-message"
    assert all(words in raised.value.reason for words in reason.split("…"))
    assert "secret" not in str(raised.value)
    assert str(raised.value).startswith(
        f"a message between the sidecars of the cluster cannot be read ({raised.value.reason}"
    )
