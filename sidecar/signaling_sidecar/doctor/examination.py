"""The checks in their order. A later one asks only what an earlier one has left open."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec

from signaling_sidecar.addresses import own_addresses
from signaling_sidecar.doctor.asking import NoAnswer, get
from signaling_sidecar.doctor.finding import Finding, ok, wrong
from signaling_sidecar.doctor.mdns import of_mdns
from signaling_sidecar.doctor.network import of_addresses, of_context, of_network
from signaling_sidecar.doctor.peers import of_log
from signaling_sidecar.doctor.proxy import of_page, of_proxy
from signaling_sidecar.doctor.status import Status
from signaling_sidecar.doctor.vite import SidecarHere, Vite, ask_status, find_vite
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.state_dir import Runtime, read_runtime
from signaling_sidecar.site import Site, is_running, read_site

_START = "start Vite with the plugin, which starts it too; or run `sidecar serve`"


class _Health(msgspec.Struct):
    boot: str


def examine(state_dir: Path | None, url: str | None = None, *, lan: bool = False) -> Iterator[Finding]:
    """Look at everything. `state_dir`: the project's, None when nothing has run; `url`: a page of Vite.

    `lan`: other devices on the network are meant to open the page.
    """
    sidecar, live = yield from _of_sidecar(read_runtime(state_dir) if state_dir is not None else None)
    site = read_site(state_dir) if state_dir is not None else None
    yield from examine_from(sidecar, site, url, guesses=True, lan=lan)
    yield from live
    if sidecar is not None and state_dir is not None:
        yield from of_log(state_dir)


def examine_from(
    sidecar: SidecarHere | None,
    site: Site | None,
    url: str | None = None,
    *,
    guesses: bool = False,
    lan: bool = False,
) -> Iterator[Finding]:
    """Look at what is in front of the sidecar: Vite, and the network. None: it does not run.

    `guesses`: a Vite at one of its usual ports is this project's, also when it does not lead to the sidecar. `lan`:
    other devices are meant to open the page; so they are too when Vite's plugin says that Vite is on the network.
    """
    vite = yield from find_vite(site, url, sidecar, guesses=guesses)
    addresses = own_addresses()
    network = site.network if site is not None else []
    for_others = lan or bool(network)
    yield of_addresses(addresses, for_others=for_others)
    if vite is not None:
        open_ = yield from of_network(vite, network, addresses, for_others=for_others)
        if sidecar is not None:
            yield from _of_way(vite, sidecar, open_)
        yield from of_context(open_)
    yield of_mdns()


def _of_way(vite: Vite, sidecar: SidecarHere, open_: list[str]) -> Iterator[Finding]:
    """Through Vite to the sidecar: first at all, then from each page."""
    proxied = yield from of_proxy(vite, sidecar, is_on_network=bool(open_))
    if proxied is not None:
        for page in dict.fromkeys([vite.url, *open_]):
            yield from of_page(page, vite.by, sidecar, host_is_hidden=proxied.host_is_hidden)


def _of_sidecar(runtime: Runtime | None) -> Generator[Finding, None, tuple[SidecarHere | None, list[Finding]]]:
    """Whether it runs, and what it says of itself that nobody else knows."""
    if runtime is None:
        yield wrong("sidecar-down", "no sidecar is running for this project", _START)
        return None, []
    if not _is_up(runtime):
        gone = "its process is gone" if not is_running(runtime.pid) else "something else answers there, or nothing"
        sentence = f"the sidecar that ran at {runtime.url} was ended without a word ({gone})"
        yield wrong("sidecar-gone", sentence, f"{_START}; what it left behind is written anew")
        return None, []
    yield ok("sidecar-up", f"the sidecar is running at {runtime.url} (version {runtime.version})")
    status = _status_of(runtime)
    if status is None:
        return SidecarHere(runtime.url, runtime.boot), []
    opens_at = next((each.path for each in status.dialects if each.opens_without_id), None)
    return SidecarHere(runtime.url, runtime.boot, opens_at), status.findings


def _status_of(runtime: Runtime) -> Status | None:
    """None: the hooks' `admit` lets only some in, or it has been ended meanwhile."""
    try:
        return ask_status(Vite(f"{runtime.url}/"))[1]
    except NoAnswer:
        return None


def _is_up(runtime: Runtime) -> bool:
    try:
        return msgspec.json.decode(get(f"{runtime.url}/health").body, type=_Health).boot == runtime.boot
    except (NoAnswer, *NOT_JSON):
        return False
