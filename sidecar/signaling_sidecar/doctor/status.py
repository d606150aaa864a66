"""The response to `GET /ws/signaling/status`, which the status page and `sidecar doctor` use."""

from __future__ import annotations

import msgspec

from signaling_sidecar.doctor.finding import Finding


class Served(msgspec.Struct, frozen=True):
    """A wire protocol ("dialect") that is enabled."""

    name: str
    path: str
    about: str
    line: str
    """A line of code to copy into an app that uses the dialect."""
    opens_without_id: bool = False
    """Whether a WebSocket at `path` needs no id of a room or a peer in its URL."""


class SiteShown(msgspec.Struct, frozen=True):
    """The parts of `site.json` that may be shown to everybody who can open the pages."""

    name: str
    local: list[str]
    network: list[str]


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request for the status as the sidecar received it, which shows how a proxy has changed it."""

    host: str
    forwarded_for: str | None
    secure: bool
    """Whether the proxy reports that the browser uses https."""
    address: str | None = None
    """The IP address of the client, or None if the proxy has not proved the address."""


class Status(msgspec.Struct, frozen=True):
    """The complete response."""

    version: str
    boot: str
    dialects: list[Served]
    site: SiteShown | None
    findings: list[Finding]
    request: Request
