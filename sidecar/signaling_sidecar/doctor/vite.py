"""Where Vite's dev server is: where its plugin wrote it down, where somebody says it is, or where it usually is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from signaling_sidecar.doctor.asking import Answer, NoAnswer, UnknownName, get, origin_of
from signaling_sidecar.doctor.finding import Finding, note, ok, wrong
from signaling_sidecar.doctor.status import BRIEF, SIGNALING_PATH, STATUS_PATH, Status
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.site import Site
from signaling_sidecar.untrusted_text import visible

PORTS = range(5173, 5183)  # Vite takes 5173, or the next free one
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SidecarHere(NamedTuple):
    """The sidecar of this project, which runs."""

    url: str
    boot: str
    opens_at: str | None = SIGNALING_PATH
    """A path at which a WebSocket opens without an id in its URL. None when no dialect that is served has one."""


class Vite(NamedTuple):
    """A dev server that answers. `url` is a page's, and ends with the base."""

    url: str
    by: str | None = None
    """The host to connect to, when that of `url` has no address here."""

    @property
    def is_local(self) -> bool:
        return is_loopback(self.url)


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK or host.endswith(".localhost")


def ask_status(vite: Vite) -> tuple[Answer, Status | None]:
    """Ask for the sidecar's status through Vite; None when it is no sidecar that answers. Raises NoAnswer."""
    answer = get(f"{origin_of(vite.url)}{STATUS_PATH}?{BRIEF}", by=vite.by)
    try:
        return answer, msgspec.json.decode(answer.body, type=Status)
    except NOT_JSON:
        return answer, None


def find_vite(
    site: Site | None, url: str | None, sidecar: SidecarHere | None, *, guesses: bool
) -> Generator[Finding, None, Vite | None]:
    """The dev server at the URL, else the site's, else one that leads to the sidecar.

    `guesses`: else any that is found, which may be another project's.
    """
    if url is not None:
        return (yield from _at(url))
    if site is not None and (urls := site.local + site.network):
        return (yield from _at(urls[0], visible(site.name)))
    found = list(_usual())
    vite = next((each for each in found if _leads_to(each, sidecar)), found[0] if found and guesses else None)
    if vite is None:
        sentence = f"no Vite dev server leads here (on localhost, ports {PORTS[0]} to {PORTS[-1]})"
        remedy = "start it, or say where it is: sidecar doctor --url http://localhost:3000/"
        yield note("vite-not-found", sentence, remedy)
        return None
    yield ok("vite-found", f"Vite's dev server answers at {visible(vite.url)}")
    return vite


def _at(url: str, name: str | None = None) -> Generator[Finding, None, Vite | None]:
    try:
        vite = _reached(url)
    except NoAnswer as error:
        remedy = "start Vite, or say where it is with --url; https or http, as Vite prints it"
        yield wrong("vite-unreachable", f"no Vite dev server answers at {visible(url)} ({visible(str(error))})", remedy)
        return None
    if vite.by is not None:
        host = visible(urlsplit(url).hostname or "")
        sentence = f"the name {host} has no address here: {vite.by} is asked under this name"
        yield note("name-unknown", sentence, "if devices cannot find it either: open the page by an address")
    yield ok("vite-found", f"Vite's dev server {f'of {name} ' if name else ''}answers at {visible(url)}")
    return vite


def _reached(url: str) -> Vite:
    """A name may be for other devices only: what would become of it is asked of this machine then. Raises NoAnswer."""
    try:
        get(url)
    except UnknownName:
        get(url, by=LOOPBACK[0])
        return Vite(url, LOOPBACK[0])
    return Vite(url)


def _usual() -> Iterator[Vite]:
    for port in PORTS:
        for scheme in ("http", "https"):
            try:
                base = get(f"{scheme}://localhost:{port}/", accept="text/html").location
                url = f"{scheme}://localhost:{port}{base if base.startswith('/') else '/'}"
                if get(f"{url}@vite/client", accept="*/*").status == 200:
                    yield Vite(url)
            except NoAnswer:
                continue  # nobody, or one who speaks the other scheme


def _leads_to(vite: Vite, sidecar: SidecarHere | None) -> bool:
    try:
        _, status = ask_status(vite)
    except NoAnswer:
        return False
    return status is not None and sidecar is not None and status.boot == sidecar.boot
