"""Everything that can be set, in one frozen object.

A setting is said by a flag of `sidecar serve`, else by the environment, else in `sidecar.toml`, else it has its
default: `max_rooms` is `--max-rooms`, `SIDECAR_MAX_ROOMS` and `max_rooms = …`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from signaling_sidecar.allow_list import HOSTS, ORIGINS, host_entry, origin_entry
from signaling_sidecar.errors import SettingsError
from signaling_sidecar.file_text import decoded

DEFAULT_PORT = 8765
FILE_NAME = "sidecar.toml"
MIB = 1024 * 1024
MAX_GRACE_S = 3600  # seconds; the event log is kept for as long as the longest grace


@dataclass(frozen=True)
class Kind:
    """How one setting is read and checked. `parse` raises ValueError for what it cannot take."""

    parse: Callable[[Any], Any]
    expected: str
    metavar: str
    many: bool = False
    switch: bool = False
    """Whether its flag stands for true and has no value."""
    secret: bool = False
    """Whether it is said in the environment only: flags are in every process list, and the file is in a folder that
    Vite may serve. It is in no log and no message."""
    place: bool = False
    """Whether it is a file or folder: in the settings file its path begins at that file's folder."""


def _whole(lowest: int, highest: int, unit: str) -> Kind:
    def parse(value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if type(number) is not int or not lowest <= number <= highest:
            raise ValueError
        return number

    return Kind(parse, f"a whole number of {unit} from {lowest} to {highest}", "N")


def _seconds(highest: float) -> Kind:
    def parse(value: Any) -> float:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if not 0 <= number <= highest:
            raise ValueError
        return number

    return Kind(parse, f"seconds from 0 to {highest:g}", "SECONDS")


def _text() -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError
        return value

    return Kind(parse, "some text", "TEXT")


def _path(expected: str, metavar: str) -> Kind:
    def parse(value: Any) -> Path:
        if not isinstance(value, str | Path) or not str(value) or not _is_text(str(value)):
            raise ValueError
        return _resolved(Path(value))

    return Kind(parse, expected, metavar, place=True)


_FOLDER, _FILE = (f"a {thing} with a path that can be followed, in UTF-8" for thing in ("folder", "file"))


def _resolved(path: Path) -> Path:
    """Raises ValueError for what leads nowhere: `~nobody`, or links in a circle."""
    try:
        return path.expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise ValueError(str(error)) from error


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8: one that is not can be in no log and no JSON."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _one_of(*words: str) -> Kind:
    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Kind(parse, "one of " + ", ".join(words), "|".join(words))


def _list(read: Callable[[str], str | None], expected: str, metavar: str, at_least: int = 0) -> Kind:
    """`read` gives an item as it is used, or None for one that cannot be."""

    def parse(value: Any) -> tuple[str, ...]:
        parts = [value] if isinstance(value, str) else list(value)
        items = [read(item.strip()) for part in parts for item in str(part).split(",") if item.strip()]
        found = tuple(item for item in items if item is not None)
        if len(found) < max(at_least, len(items)) or not all(isinstance(part, str) for part in parts):
            raise ValueError
        return found

    return Kind(parse, expected, metavar, many=True)


def _switch() -> Kind:
    words = {"true": True, "1": True, "false": False, "0": False}

    def parse(value: Any) -> bool:
        if value not in words and not isinstance(value, bool):
            raise ValueError
        return value if isinstance(value, bool) else words[value]

    return Kind(parse, "true or false", "", switch=True)


def _secret() -> Kind:
    return Kind(_text().parse, "some text", "TEXT", secret=True)


def _ice_server(text: str) -> str | None:
    scheme, found, rest = text.lower().partition(":")
    is_url = scheme in ("stun", "stuns", "turn", "turns") and found and rest and not any(c in rest for c in "/#@ ")
    return text.lower() if is_url else None


def _dialects(known: Collection[str]) -> Kind:
    """The kind of the setting `dialects`. With no known names, it takes every name."""

    def read(text: str) -> str | None:
        return text if text in known or not known else None

    return _list(read, "some of " + ", ".join(known), "NAME", at_least=1)


def _setting(kind: Kind, default: Any, help_: str, *, live: bool = True) -> Any:
    return field(default=default, repr=not kind.secret, metadata={"kind": kind, "help": help_, "live": live})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run. Constructing it does nothing. Its limits are those of PROTOCOLS.md, "Limits"."""

    host: str = _setting(_text(), "127.0.0.1", "the address to listen on; `::`: all, of IPv4 and IPv6", live=False)
    port: int = _setting(_whole(0, 65535, "a port"), DEFAULT_PORT, "the port to listen on; 0: a free one", live=False)
    project: Path = _setting(
        _path(_FOLDER, "DIR"),
        Path(),
        "the project's folder, which names the state folder",
        live=False,
    )
    state_dir: Path | None = _setting(
        _path(_FOLDER, "DIR"),
        None,
        "where the event log is kept, outside of what Vite serves",
        live=False,
    )
    allow_origin: tuple[str, ...] = _setting(
        _list(origin_entry, ORIGINS, "ORIGIN"),
        (),
        "let pages of this origin in; `vscode-webview://*`: with any id; `*`: pages of every website that is open in "
        "a browser here",
    )
    allow_host: tuple[str, ...] = _setting(
        _list(host_entry, HOSTS, "NAME"),
        (),
        "answer to this name in the Host header; `.example.com`: and to all below it; `*`: to every name, also to one "
        "that a website has pointed at this machine (DNS rebinding)",
    )
    advice: str = _setting(
        _one_of("flags", "plugin"),
        "flags",
        "in whose words a refusal says what would let somebody in: flags of this command, or options of Vite's plugin",
    )
    dialects: tuple[str, ...] = _setting(
        _dialects(()),
        (),
        "the wire protocols that are served (all that `sidecar dialects` lists)",
        live=False,
    )
    hooks: Path | None = _setting(
        _path(_FILE, "FILE"),
        None,
        "a Python file of hooks, which is swapped whenever it is saved",
        live=False,
    )
    announce: bool = _setting(
        _switch(), False, "tell the LAN where this project's page is, and find those of others", live=False
    )
    grace_s: float = _setting(_seconds(MAX_GRACE_S), 30.0, "how long a peer that lost its connection keeps its place")
    payloads: str = _setting(_one_of("full", "summary", "none"), "full", "what the event log keeps of a signal")
    max_peers_per_room: int = _setting(_whole(1, 10_000, "peers"), 100, "peers in one room")
    max_rooms: int = _setting(_whole(1, 1_000_000, "rooms"), 10_000, "rooms")
    max_connections: int = _setting(_whole(1, 1_000_000, "connections"), 5_000, "connections")
    pairing_cross_code: bool = _setting(_switch(), False, "let a device call another's pairing code from its own")
    pairing_codes_per_minute: int = _setting(
        _whole(1, 1_000_000, "codes"), 10, "pairing codes that one connection may try in a minute"
    )
    pairing_codes_per_minute_per_address: int = _setting(
        _whole(1, 1_000_000, "codes"),
        100,
        "pairing codes that all connections from one address may try in a minute, beyond the first three of each",
    )
    hosted_idle_s: float = _setting(
        _seconds(30 * 86_400), 86_400.0, "how long a hosted room lives without a frame from anybody in it; 0: for ever"
    )
    ice_servers: tuple[str, ...] = _setting(
        _list(_ice_server, "a STUN or TURN server such as stun:stun.example:3478", "URL"),
        (),
        "the STUN and TURN servers that pages are told of (none: nothing leaves the local network); for TURN, "
        "SIDECAR_TURN_SECRET is its secret",
    )
    turn_secret: str | None = _setting(
        _secret(), None, "coturn's `static-auth-secret`, for passwords that TURN servers take for a while", live=False
    )
    turn_password_s: float = _setting(
        _seconds(30 * 86_400), 86_400.0, "how long a TURN password is good: a page needs it for as long as it is open"
    )
    max_frame_bytes: int = _setting(_whole(1024, 16 * MIB, "bytes"), 262_144, "bytes of one frame")
    max_frames_per_s: int = _setting(_whole(1, 1_000_000, "frames"), 100, "frames per second of one connection")
    max_frames_burst: int = _setting(_whole(1, 1_000_000, "frames"), 500, "frames at once of one connection")
    max_outbox_bytes: int = _setting(
        _whole(1024, 1024 * MIB, "bytes"), 262_144, "bytes waiting for a slow reader before it is cut off"
    )
    log_segment_bytes: int = _setting(
        _whole(1024, 1024 * MIB, "bytes"), 64 * MIB, "bytes of one segment of the event log"
    )
    log_total_bytes: int = _setting(
        _whole(1024, 1024 * 1024 * MIB, "bytes"), 256 * MIB, "bytes of closed segments that are kept"
    )


def all_settings() -> Iterator[tuple[Field[Any], Kind]]:
    for each in fields(Settings):
        yield each, each.metadata["kind"]


class Said(NamedTuple):
    """A value of one setting, and where it was said: a flag, a variable or a file."""

    value: Any
    source: str


@dataclass(frozen=True)
class Sources:
    """All places where settings are said. `flags`: by setting name, None where not said."""

    flags: Mapping[str, Any]
    environment: Mapping[str, str]
    asked_file: Path | None = None
    """None: `sidecar.toml` in the project's folder, which need not exist."""
    dialects: tuple[str, ...] = ()
    """The names of all dialects, which are served unless some of them are chosen. This package does not know them."""

    @property
    def file(self) -> Path:
        project = Path(self.flags.get("project") or self.environment.get("SIDECAR_PROJECT") or ".")
        place = self.asked_file or project / FILE_NAME
        try:
            return _resolved(place)
        except ValueError as error:
            raise SettingsError(
                "settings", str(place), f"a path that leads to a file ({error})", "--settings"
            ) from None

    def load(self) -> Settings:
        """Raises SettingsError for the first value that cannot be."""
        from_file = self._from_file()
        said = ((each.name, self._said(each.name, kind, from_file)) for each, kind in all_settings())
        values = {name: found.value for name, found in said if found is not None}
        values.setdefault("dialects", self.dialects)
        known = {each.name for each in fields(Settings)}
        for name, value in from_file.items():
            if name not in known:
                raise SettingsError(name, value, "a setting that exists", str(self.file))
        if "project" not in values:
            values["project"] = _parse("project", _kind("project"), str(Path.cwd()), "the current folder")
        settings = Settings(**values)
        _check_turn(settings)
        return settings

    def said(self, name: str) -> Said | None:
        """What one setting is said to be; None: nowhere. The others are not judged. Raises SettingsError."""
        return self._said(name, _kind(name), self._from_file())

    def _said(self, name: str, kind: Kind, from_file: Mapping[str, Any]) -> Said | None:
        variable = f"SIDECAR_{name.upper()}"
        found = []
        for value, source in (
            (self.flags.get(name), "--" + name.replace("_", "-")),
            (self.environment.get(variable), variable),
            (from_file.get(name), str(self.file)),
        ):
            if value is not None and kind.secret and source != variable:
                raise SettingsError(name, "***", f"said in the environment, as {variable}", source)
            if name == "dialects":
                kind = _dialects(self.dialects)
            if value is not None:  # a wrong one is an error also where another is used
                found.append(Said(_parse(name, kind, value, source), source))
        return found[0] if found else None

    def _from_file(self) -> dict[str, Any]:
        try:
            if self.asked_file is None and not self.file.exists():
                return {}
            found = _flat(tomllib.loads(decoded(self.file.read_bytes())))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise SettingsError("settings", str(self.file), f"a readable TOML file ({error})", "--settings") from None
        for each, kind in all_settings():
            value = found.get(each.name)
            if kind.place and isinstance(value, str) and value:  # wherever the command was started
                with suppress(RuntimeError):  # `~nobody`, which is an error when it is parsed
                    found[each.name] = str(self.file.parent / Path(value).expanduser())
        return found


def _kind(name: str) -> Kind:
    return next(kind for each, kind in all_settings() if each.name == name)


def _check_turn(settings: Settings) -> None:
    turn = [url for url in settings.ice_servers if url.startswith("turn")]
    if turn and settings.turn_secret is None:
        # Browsers throw for a TURN server without a password, so no page would connect to anybody.
        expected = "without TURN servers, or with SIDECAR_TURN_SECRET in the environment"
        raise SettingsError("ice_servers", turn[0], expected, "settings")


def _parse(name: str, kind: Kind, value: Any, source: str) -> Any:
    try:
        return kind.parse(value)
    except (ValueError, TypeError):
        raise SettingsError(name, value, kind.expected, source) from None


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """`pairing.cross_code` is another way to write `pairing_cross_code`."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        inner = _flat(value) if isinstance(value, dict) else None
        found |= {name: value} if inner is None else {f"{name}_{key}": each for key, each in inner.items()}
    return found
