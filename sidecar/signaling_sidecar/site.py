"""Where this project's pages are: what the Vite plugin wrote into the sidecar's state folder while Vite runs."""

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
SECRET_CHARS = 43  # 32 random bytes in base64url; a shorter one is no secret, and an empty one would equal no header


class Site(msgspec.Struct, frozen=True, rename="camel"):
    """What `site.json` holds. URLs end with Vite's base."""

    pid: int
    """Of Vite."""
    name: str
    """The project's."""
    local: list[str]
    """Its pages for this machine."""
    network: list[str]
    """Its pages for other devices, the best first; empty when Vite listens on localhost only."""
    secret: Annotated[str, msgspec.Meta(min_length=SECRET_CHARS)]
    """What Vite's proxy sends along, so that its X-Forwarded-For is believed. Of this Vite, and never shown."""
    allowed_hosts: list[str] = []
    """The names under which Vite serves its pages, as its `server.allowedHosts` has them; `*`: under every name."""
    allowed_origins: list[str] = []
    """The plugin's option: origins of other pages that are let in."""

    @property
    def for_a_phone(self) -> list[str]:
        """Those of `network` that another device can open: Vite lists a host of one's own there, whatever it is."""
        return [url for url in self.network if _is_elsewhere(url)]


def _is_elsewhere(url: str) -> bool:
    """Whether the URL means this machine on other machines, too: `app.localhost` is each one's own."""
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
    """The site of the Vite that runs now; None when none does, or it left its file behind, or that is unreadable.

    Cheap enough to ask at each request: an unchanged file is not read again.
    """
    path = state_dir / SITE_FILE
    try:
        status = path.stat()
        site = _decoded(path, status.st_mtime_ns, status.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return site if site is not None and is_running(site.pid) else None


@functools.lru_cache(maxsize=1)
def _decoded(path: Path, mtime_ns: int, inode: int) -> Site | None:
    try:
        site = msgspec.json.decode(path.read_bytes(), type=Site)
    except NOT_JSON:
        return None
    # The plugin has told its user of those that cannot be used.
    origins = [entry for text in site.allowed_origins if (entry := origin_entry(text)) is not None]
    return msgspec.structs.replace(site, allowed_origins=origins)


def is_running(pid: int) -> bool:
    """Whether there is a process with this id. Windows is not asked: signal 0 is Ctrl-C there."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True
