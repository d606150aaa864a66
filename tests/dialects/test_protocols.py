"""`sidecar/PROTOCOLS.md` agrees with the wire vectors (its frames) and with the code (its paths, codes and numbers)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Ending
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.settings import Settings
from tests.dialects.vectors import paths_of
from tests.kit.checkout import PROTOCOLS

ANY = "…"
SENDERS = {"client": "send", "sidecar": "receive"}
"""Maps the sender in the first column of a table to the key of its frames in the vectors. Binary frames and text frames
that are not JSON have other keys (`Example.key`)."""
ENDINGS = (Ending.CLOSED, Ending.UNLOADED, Ending.LOST, Ending.STOPPED)
ENDING_COLUMNS = ("close 1000 or no code", "close 1001", "any other end", "the sidecar stops")
LIMITS = {
    "one frame": lambda settings: f"{settings.max_frame_bytes // 1024} KiB",
    "peers in a room": lambda settings: f"{settings.max_peers_per_room}",
    "rooms": lambda settings: f"{settings.max_rooms:,}",
    "connections": lambda settings: f"{settings.max_connections:,}",
    "frames of one connection": lambda settings: (
        f"{settings.max_frames_per_s} a second, and {settings.max_frames_burst} at once"
    ),
    "bytes that wait for a client that reads slowly": lambda settings: f"{settings.max_outbox_bytes // 1024} KiB",
}


class Example(NamedTuple):
    """A frame in a table of `sidecar/PROTOCOLS.md`. `…` in it stands for any value, or for further fields."""

    dialect: str
    sender: str
    text: str

    @property
    def is_binary(self) -> bool:
        return self.text.startswith("0x")

    @property
    def is_json(self) -> bool:
        return self.text.startswith(("{", "[", '"'))

    @property
    def key(self) -> str:
        """The key of such frames in the vectors."""
        key = SENDERS[self.sender]
        if self.is_json:
            return key
        return f"{key}_binary" if self.is_binary else {"send": "text", "receive": "receive_text"}[key]

    @property
    def frame(self) -> bytes:
        text = json.dumps(self.pattern) if self.is_json else self.text.replace("…", "null")
        return text.encode()

    @property
    def pattern(self) -> Any:
        """The JSON value, the hexadecimal digits of a binary frame, or a regular expression for another frame."""
        if self.is_binary:
            return self.text.removeprefix("0x")
        if not self.is_json:
            return re.compile(re.escape(self.text).replace("…", ".*"), re.DOTALL)
        with_more = re.sub(r", …}", f', "{ANY}": "{ANY}"}}', self.text)
        return json.loads(re.sub(r"(?<=[ \[])…", f'"{ANY}"', with_more))


def section(title: str) -> str:
    """The text below a heading of `sidecar/PROTOCOLS.md`, up to the next heading of level 1 or 2."""
    found = re.search(rf"^(#+) {re.escape(title)}$(.*?)(?=^#{{1,2}} |\Z)", PROTOCOLS.read_text("utf-8"), re.M | re.S)
    assert found is not None, f"sidecar/PROTOCOLS.md has no heading {title!r}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of the tables in a text, including the headers."""
    lines = (line.strip()[1:-1].split("|") for line in text.splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in cells] for cells in lines if not set("".join(cells)) <= set("- ")]


def examples(dialect: str) -> Iterator[Example]:
    for first, *cells in rows(section(f"`{dialect}`")):
        sender = re.split(r"\W", first)[0]
        found = re.findall(r"`([{\[][^`]*|\"[^\"`]*\"|0x[\da-f]+)`", " ".join(cells))
        if not found and (other := re.fullmatch(r"`([^`]+)`", cells[0] if cells else "")):
            found = [other[1]]  # a text frame that is not JSON
        yield from (Example(dialect, sender, frame) for frame in found if sender in SENDERS)


@cache
def steps(dialect: str) -> list[dict[str, Any]]:
    return [step for path in paths_of(dialect) for step in json.loads(path.read_text("utf-8"))["steps"]]


def frames(dialect: str, key: str) -> list[Any]:
    """Return the frames that the vectors send or receive. Hexadecimal digits are in lower case and without spaces."""
    found = [step[key] for step in steps(dialect) if key in step]
    return [bytes.fromhex(frame).hex() for frame in found] if key.endswith("_binary") else found


def is_like(pattern: Any, value: Any) -> bool:
    """Whether a value in a vector matches an example in a table."""
    match pattern:
        case "…":
            return True
        case ["…"]:
            return isinstance(value, list)
        case re.Pattern():
            return pattern.fullmatch(value) is not None
        case dict():
            names = pattern.keys() - {ANY}
            return (
                isinstance(value, dict)
                and (names == value.keys() if ANY not in pattern else names <= value.keys())
                and all(is_like(pattern[name], value[name]) for name in names)
            )
        case list():
            same_length = isinstance(value, list) and len(pattern) == len(value)
            return same_length and all(is_like(*pair) for pair in zip(pattern, value, strict=True))
    return bool(pattern == value and type(pattern) is type(value))


def test_an_example_that_is_not_json_is_compared_as_text() -> None:
    example = Example("rooms", "sidecar", '42["join",…]')
    assert (example.key, example.frame) == ("receive_text", b'42["join",null]')
    assert is_like(example.pattern, '42["join",{"room":"bar"}]')
    assert not is_like(example.pattern, '42["leave",{"room":"bar"}]')


def parts(value: Any) -> Iterator[Any]:
    """Yield a JSON value and all values inside it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_frame_in_the_tables_is_in_a_vector(dialect: str) -> None:
    shown = list(examples(dialect))
    assert shown, f"the section `{dialect}` of sidecar/PROTOCOLS.md has no table of frames"
    for example in shown:
        known = frames(dialect, example.key)
        assert any(is_like(example.pattern, frame) for frame in known), (
            f"no tests/vectors/{dialect}/*.json has {example.text}"
        )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_part_of_a_frame_that_is_shown_separately_is_in_a_vector(dialect: str) -> None:
    known = [part for frame in frames(dialect, "receive") for part in parts(frame)]
    for text in re.findall(r"^```json\n(.*?)^```$", section(f"`{dialect}`"), re.M | re.S):
        pattern = Example(dialect, "", text).pattern
        assert any(is_like(pattern, part) for part in known), text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_has_a_section_with_its_paths_its_routes_and_all_kinds_of_its_frames(dialect: str) -> None:
    text = section(f"`{dialect}`")
    routes = (f"{route.method} {route.path}" for route in DIALECTS[dialect].routes)
    missing = {f"`{path}" for path in (*DIALECTS[dialect].paths, *routes) if f"`{path}" not in text}
    kind_of = DIALECTS[dialect].kind_of
    read = [kind_of(each.frame) for each in examples(dialect)]
    received = {kind_of(json.dumps(frame).encode()) for frame in frames(dialect, "receive")}
    received |= {kind_of(frame.encode()) for frame in frames(dialect, "receive_text")}
    missing |= (DIALECTS[dialect].kinds | received) - {*read, *re.findall(r"`([^`]+)`", text), None}
    assert not missing, f"the section `{dialect}` of sidecar/PROTOCOLS.md does not name {', '.join(sorted(missing))}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_table_of_endings_contains_the_actual_graces(dialect: str) -> None:
    """If the dialect has resumable sessions, the second row of the table is about them."""
    table = rows(section(f"`{dialect}`"))
    after_header = [place + 1 for place, row in enumerate(table) if tuple(row[1:]) == ENDING_COLUMNS]
    missing = f"the section `{dialect}` of sidecar/PROTOCOLS.md has no table with the columns {ENDING_COLUMNS}"
    assert after_header, missing
    endings = DIALECTS[dialect].rules(Settings()).endings
    kept = [grace_s for grace_s in (endings.grace_s, endings.resumable_grace_s) if grace_s is not None]
    for (_, *cells), grace_s in zip(table[after_header[0] :][: len(kept)], kept, strict=True):
        seconds = [re.fullmatch(r"ends|away for (\d+) s", cell) for cell in cells]
        assert [found and float(found[1] or 0) for found in seconds] == [grace_s[ending] for ending in ENDINGS]


def test_the_tables_of_codes_are_complete() -> None:
    assert {row[0].strip("`") for row in rows(section("Error codes"))[1:]} == set(Code)
    assert {row[0] for row in rows(section("Close codes"))[1:]} >= {str(code.value) for code in CloseCode}


def test_the_limits_are_the_defaults_of_the_settings() -> None:
    stated = dict(rows(section("Limits")))
    for label, default in LIMITS.items():
        assert stated[label].startswith(default(Settings())), label
