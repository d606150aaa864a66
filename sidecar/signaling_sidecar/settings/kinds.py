"""Parse and check the values of settings. Each setting is of a kind, such as a number, a path or a list."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_TURN_SCHEMES = ("stun", "stuns", "turn", "turns")
_REDIS_OPTIONS = {
    "redis": set(),
    "rediss": {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"},
    "unix": {"db"},
}
"""The query parameters that a Redis URL may have, for each scheme. The Redis client accepts more parameters, but some
of them are not suitable here."""


@dataclass(frozen=True)
class Kind:
    """How one kind of setting is parsed and checked. `parse` raises ValueError or TypeError for an invalid value."""

    parse: Callable[[Any], Any]
    expected: str
    metavar: str
    is_list: bool = False
    is_switch: bool = False
    """Whether the flag can be given without a value, which sets it to true."""
    is_secret: bool = False
    """Whether the setting can only be given by an environment variable, and is never logged or shown. A flag would be
    visible in the process list, and the settings file is in a folder that Vite may serve."""
    is_path: bool = False
    """Whether the value is a path. A relative path in the settings file is relative to the folder of that file."""
    shown: Callable[[Any], object] = lambda value: value
    """Returns the form of the value that an error message may show, for example without a password."""


def whole(lowest: int, highest: int, unit: str | None = None) -> Kind:
    def parse(value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if type(number) is not int or not lowest <= number <= highest:
            raise ValueError
        return number

    return Kind(parse, f"a whole number{f' of {unit}' if unit else ''} from {lowest} to {highest}", "N")


def seconds(highest: float, lowest: float = 0.0) -> Kind:
    def parse(value: Any) -> float:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if not lowest <= number <= highest:
            raise ValueError
        return number

    return Kind(parse, f"seconds from {lowest:g} to {highest:.7g}", "SECONDS")


def text() -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError
        return value

    return Kind(parse, "a text that is not empty", "TEXT")


def secret(form: str = "(?s:.+)", expected: str = "a text that is not empty") -> Kind:
    """A secret, which must match the regular expression `form`."""

    def parse(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(form, value):
            raise ValueError(expected)
        return value

    return Kind(parse, expected, "TEXT", is_secret=True)


def redis_url() -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        url = urlsplit(value)
        is_there = bool(url.path if url.scheme == "unix" else url.hostname and re.fullmatch(r"(/\d*)?", url.path))
        allowed, used = _REDIS_OPTIONS.get(url.scheme), parse_qs(url.query, keep_blank_values=True)
        if allowed is None or not is_there or not used.keys() <= allowed or url.password is not None or url.port == 0:
            raise ValueError
        return value

    expected = (
        "a URL such as redis://host:6379/0, unix:///path?db=0, or rediss://host:6379/0 (whose query may contain "
        f"{', '.join(sorted(_REDIS_OPTIONS['rediss']))}), "
        "without a password, which belongs into SIDECAR_CLUSTER_PASSWORD"
    )
    return Kind(parse, expected, "URL", shown=_without_secrets)


def _without_secrets(url: object) -> object:
    """Hide the password that a URL may contain, and its query."""
    if not isinstance(url, str):
        return url
    return re.sub(r"\?.*", "?***", re.sub(r"//.*@", "//***@", url, flags=re.DOTALL), flags=re.DOTALL)


# A secret must be at least as long as the output of SHA-256, which is 32 bytes (RFC 7518, 3.2). The shared secret may
# only contain characters that are allowed in the header Sec-WebSocket-Protocol, in which browser clients send it.
SHARED_SECRET = secret(
    r"[A-Za-z0-9._~-]{32,8000}",
    "at least 32 of the characters A-Z a-z 0-9 - . _ ~, such as the output of `openssl rand -hex 32`",
)
JWT_SECRET = secret(r"(?s:.{32,})", "a text of at least 32 characters, such as the output of `openssl rand -hex 32`")


def existing_folder() -> Kind:
    kind = _path("folder that exists", "DIR")

    def parse(value: Any) -> Path:
        path: Path = kind.parse(value)
        if not os.path.isdir(path):  # Path.is_dir would raise PermissionError if a parent folder cannot be read
            raise ValueError
        return path

    return replace(kind, parse=parse)


def folder() -> Kind:
    return _path("folder", "DIR")


def file() -> Kind:
    """The path of a file that is read again when it changes. Links in it are kept, because they may lead elsewhere
    later: Kubernetes and certbot replace a link when they renew a file."""
    kind = _path("file", "FILE")

    def parse(value: Any) -> Path:
        kind.parse(value)
        return Path(value).expanduser().absolute()

    return replace(kind, parse=parse)


def _path(thing: str, metavar: str) -> Kind:
    def parse(value: Any) -> Path:
        if not isinstance(value, str | Path) or not str(value) or not _is_utf_8(str(value)):
            raise ValueError
        return resolved(Path(value))

    return Kind(
        parse,
        f"a valid path to a {thing} (without an unknown ~user, a circular link or bytes that are not UTF-8)",
        metavar,
        is_path=True,
    )


def resolved(path: Path) -> Path:
    """Expand `~` and follow links. Raises ValueError for an unknown user (`~nobody`) and for circular links."""
    try:
        found = path.expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise ValueError(str(error)) from error
    try:
        found.stat()  # since Python 3.13, `resolve` does not fail for circular links, but `stat` does
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(str(error)) from error
    return found


def _is_utf_8(path: str) -> bool:
    """Whether a path can be encoded in UTF-8. Other paths cannot be written to the event log, which is JSON."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def one_of(*words: str) -> Kind:
    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Kind(parse, "one of " + ", ".join(words), "|".join(words))


def list_of(read: Callable[[str], str | None], expected: str, metavar: str, at_least: int = 0) -> Kind:
    """A list, given as a TOML array or as a text with commas. `read` normalises an item, and returns None if the item
    is invalid."""

    def parse(value: Any) -> tuple[str, ...]:
        parts = [value] if isinstance(value, str) else list(value)
        items = [read(item.strip()) for part in parts for item in str(part).split(",") if item.strip()]
        found = tuple(item for item in items if item is not None)
        if len(found) < max(at_least, len(items)) or not all(isinstance(part, str) for part in parts):
            raise ValueError
        return found

    return Kind(parse, expected, metavar, is_list=True)


def switch() -> Kind:
    words = {"true": True, "1": True, "false": False, "0": False}

    def parse(value: Any) -> bool:
        if value not in words and not isinstance(value, bool):
            raise ValueError
        return value if isinstance(value, bool) else words[value]

    return Kind(parse, "true or false", "", is_switch=True)


def dialects(known: Collection[str]) -> Kind:
    """The kind of the setting `dialects`. This setting accepts the names in `known`, or any
    names if `known` is empty."""

    def read(name: str) -> str | None:
        return name if name in known or not known else None

    return list_of(read, "some of " + ", ".join(known), "NAME", at_least=1)


def networks() -> Kind:
    return list_of(_network, "IP addresses or networks: 10.0.0.7, 172.18.0.0/16 or fd00::/8", "ADDRESS")


def _network(text: str) -> str | None:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def ice_servers() -> Kind:
    return list_of(_ice_server, "a STUN or TURN server such as stun:stun.example:3478", "URL")


def _ice_server(url: str) -> str | None:
    scheme, found, rest = url.lower().partition(":")
    is_url = scheme in _TURN_SCHEMES and found and rest and not any(c in rest for c in "/#@ ")
    return url.lower() if is_url else None
