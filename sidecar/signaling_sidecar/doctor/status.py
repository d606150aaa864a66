"""`GET /ws/signaling/status`: what the sidecar says of itself, to the status page and to the doctor."""

from __future__ import annotations

import msgspec

from signaling_sidecar.doctor.finding import Finding

SIGNALING_PATH = "/ws/signaling"
STATUS_PATH = f"{SIGNALING_PATH}/status"
PEOPLE_PATH = f"{SIGNALING_PATH}/people"
BRIEF = "brief"
"""The query that asks for no examination: the answer holds only what the sidecar knows at once."""


class Served(msgspec.Struct, frozen=True):
    """A dialect."""

    name: str
    path: str
    about: str
    line: str
    """Of JavaScript, to paste."""
    opens_without_id: bool = False
    """Whether a WebSocket opens at `path` as it stands."""


class SiteShown(msgspec.Struct, frozen=True):
    """What of the site may be seen by anybody who may open its pages."""

    name: str
    local: list[str]
    network: list[str]


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """This very request, as it arrived: what a proxy on the way has made of it."""

    host: str
    forwarded_for: str | None
    secure: bool
    """Whether the proxy says that the browser came by https."""
    address: str | None = None
    """The client's, where it can be believed."""


class Status(msgspec.Struct, frozen=True):
    """The whole answer."""

    version: str
    boot: str
    dialects: list[Served]
    site: SiteShown | None
    findings: list[Finding]
    request: Request
