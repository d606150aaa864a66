"""Find Vite's dev server: at a URL that the user or the Vite plugin has given, or at one of Vite's usual ports."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from signaling_sidecar.doctor.finding import Finding, note, ok, wrong
from signaling_sidecar.doctor.probes import Answer, NoAnswer, Refused, UnknownName, get, origin_of
from signaling_sidecar.doctor.status import Status
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.paths import BRIEF, SIGNALING_PATH, STATUS_PATH
from signaling_sidecar.site import Site, is_elsewhere
from signaling_sidecar.untrusted_text import visible

PORTS = range(5173, 5183)  # Vite uses port 5173, or the next free one


class SidecarHere(NamedTuple):
    """The running sidecar of this project."""

    url: str
    boot: str
    opens_at: str | None = SIGNALING_PATH
    """A path for a WebSocket without the id of a room or a peer, or None if every enabled dialect needs such an id."""


class Vite(NamedTuple):
    """A running dev server. `url` is the URL of its page, and ends with the `base` of its configuration."""

    url: str
    by: str | None = None
    """The host to connect to if the host of `url` cannot be resolved on this machine."""

    @property
    def is_local(self) -> bool:
        return not is_elsewhere(self.url)


def ask_status(vite: Vite, token: str | None = None) -> tuple[Answer, Status | None]:
    """Request the status of the sidecar through Vite. The status is None if another server has responded.

    Raises NoAnswer.
    """
    answer = get(f"{origin_of(vite.url)}{STATUS_PATH}?{BRIEF}", by=vite.by, token=token)
    try:
        return answer, msgspec.json.decode(answer.body, type=Status)
    except NOT_JSON:
        return answer, None


def find_vite(
    site: Site | None, url: str | None, sidecar: SidecarHere | None, *, guesses: bool
) -> Generator[Finding, None, Vite | None]:
    """Find the dev server at `url`, otherwise at the URL in `site`, otherwise at a usual port if it proxies to the
    sidecar.

    If none is found and `guesses` is true, the first dev server at a usual port is used, even one of another project.
    """
    if url is not None:
        return (yield from _at(url))
    if site is not None and (urls := site.local + site.network):
        return (yield from _at(urls[0], visible(site.name)))
    found = list(_usual())
    vite = next((each for each in found if _leads_to(each, sidecar)), found[0] if found and guesses else None)
    if vite is None:
        sentence = f"no Vite dev server was found on localhost at the ports {PORTS[0]} to {PORTS[-1]}"
        remedy = "start it, or pass its URL: sidecar doctor --url http://localhost:3000/"
        yield note("vite-not-found", sentence, remedy)
        return None
    yield ok("vite-found", f"Vite's dev server answers at {visible(vite.url)}")
    return vite


def _at(url: str, name: str | None = None) -> Generator[Finding, None, Vite | None]:
    try:
        vite = _reached(url)
    except NoAnswer as error:
        remedy = "start Vite, or pass the URL that Vite prints, with http or https: sidecar doctor --url URL"
        yield wrong("vite-unreachable", f"no Vite dev server answers at {visible(url)} ({visible(str(error))})", remedy)
        return None
    if vite.by is not None:
        host = visible(urlsplit(url).hostname or "")
        sentence = (
            f"the name {host} cannot be resolved on this machine, so the checks connect to {vite.by} with this name"
        )
        yield note(
            "name-unknown", sentence, "if other devices cannot resolve it either, open the page with an IP address"
        )
    yield ok("vite-found", f"Vite's dev server {f'of {name} ' if name else ''}answers at {visible(url)}")
    return vite


def _reached(url: str) -> Vite:
    """Connect to the dev server at its host name, or at localhost if this machine cannot resolve the name. Raises
    NoAnswer."""
    try:
        get(url)
    except UnknownName:
        get(url, by="localhost")
        return Vite(url, "localhost")
    return Vite(url)


def _usual() -> Iterator[Vite]:
    for port in PORTS:
        for scheme in ("http", "https"):
            try:
                base = get(f"{scheme}://localhost:{port}/", accept="text/html").location
                url = f"{scheme}://localhost:{port}{base if base.startswith('/') else '/'}"
                if get(f"{url}@vite/client", accept="*/*").status == 200:
                    yield Vite(url)
            except Refused:
                break  # no server listens at this port
            except NoAnswer:
                continue  # the server uses the other scheme


def _leads_to(vite: Vite, sidecar: SidecarHere | None) -> bool:
    try:
        _, status = ask_status(vite)
    except NoAnswer:
        return False
    return status is not None and sidecar is not None and status.boot == sidecar.boot
