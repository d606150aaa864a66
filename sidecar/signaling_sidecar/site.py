"""The URLs of the project's pages, which the Vite plugin writes to `site.json` in the state folder while Vite runs."""

from __future__ import annotations

import functools
import ipaddress
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from signaling_sidecar.allow_list import origin_entry
from signaling_sidecar.errors import NOT_JSON

SITE_FILE = "site.json"
SECRET_CHARS = (
    43  # 32 random bytes in base64url; a shorter secret could be guessed, and an empty one would match a missing header
)


class Site(msgspec.Struct, frozen=True, rename="camel"):
    """The content of `site.json`. All URLs end with the `base` of Vite's configuration."""

    pid: int
    """The process id of Vite."""
    name: str
    """The name of the project."""
    local: list[str]
    """The URLs of the pages that only work on this machine."""
    network: list[str]
    """The URLs of the pages for other devices, the best one first. If Vite only listens on localhost, the list is
    empty."""
    secret: Annotated[str, msgspec.Meta(min_length=SECRET_CHARS)]
    """A secret that Vite's proxy sends with each request, to prove that the header X-Forwarded-For comes from Vite.
    Each start of Vite generates a new secret, which must not be shown or logged."""
    allowed_hosts: list[str] = []
    """The host names that Vite accepts, as in its option `server.allowedHosts`; `*` means every name."""
    allowed_origins: list[str] = []
    """The option `allowedOrigins` of the plugin: other origins whose pages may connect."""
    others: list[Site] = []
    """The other Vites that use this sidecar and are running. They began to listen earlier than this one."""

    @property
    def all(self) -> tuple[Site, ...]:
        return (self, *self.others)

    @property
    def for_a_phone(self) -> list[str]:
        """The URLs in `network` that another device can open. Vite also lists a configured host there, which may be a
        name such as `app.localhost` that only works on this machine."""
        return [url for url in self.network if is_elsewhere(url)]


def is_elsewhere(url: str) -> bool:
    """Whether another machine can use the URL, which it cannot if the host is `localhost` or `0.0.0.0`."""
    try:
        host = urlsplit(url).hostname or "localhost"
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2] != "localhost"
    return not (address.is_loopback or address.is_unspecified)


def read_site(state_dir: Path) -> Site | None:
    """Read `site.json`. Returns None if no Vite is running, or if the file is missing or unreadable.

    This function is fast enough to be called for each request, because an unchanged file is not read again.
    """
    path = state_dir / SITE_FILE
    try:
        status = path.stat()
        sites = _decoded(path, status.st_mtime_ns, status.st_ino)
    except OSError:
        return None
    running = [site for site in sites if is_running(site.pid)]
    return msgspec.structs.replace(running[0], others=running[1:]) if running else None


@functools.lru_cache(maxsize=1)
def _decoded(path: Path, mtime_ns: int, inode: int) -> list[Site]:
    try:
        site = msgspec.json.decode(path.read_bytes(), type=Site)
    except NOT_JSON:
        return []
    return [msgspec.structs.replace(each, allowed_origins=_valid(each.allowed_origins)) for each in site.all]


def _valid(origins: list[str]) -> list[str]:
    """Leave out invalid entries, because the plugin has already warned about them."""
    return [entry for text in origins if (entry := origin_entry(text)) is not None]


def is_running(pid: int) -> bool:
    """Whether a process with this id exists. On Windows this always returns True, because signal 0 means Ctrl-C
    there."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process exists, and belongs to another user
        pass
    return True
