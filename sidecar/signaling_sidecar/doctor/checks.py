"""Run all checks in order. Checks that cannot succeed because an earlier one failed are skipped."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec

from signaling_sidecar.addresses import own_addresses
from signaling_sidecar.doctor.finding import Finding, ok, wrong
from signaling_sidecar.doctor.mdns import check_mdns
from signaling_sidecar.doctor.network import check_addresses, check_reachability, check_secure_context
from signaling_sidecar.doctor.peers import check_pairs
from signaling_sidecar.doctor.probes import NoAnswer, get
from signaling_sidecar.doctor.proxy import check_page, check_proxy
from signaling_sidecar.doctor.status import Status
from signaling_sidecar.doctor.vite import SidecarHere, Vite, ask_status, find_vite
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.state_dir import Runtime, read_runtime
from signaling_sidecar.site import Site, is_running, read_site

_START = "start Vite with the plugin, which starts the sidecar too, or run `sidecar serve`"


class _Health(msgspec.Struct):
    boot: str


def run_checks(state_dir: Path | None, url: str | None, *, lan: bool) -> Iterator[Finding]:
    """Run all checks. `state_dir` is the state folder of the project, or None if no sidecar has run for it yet.

    `url` is the URL of a page that Vite serves; without it, Vite is searched for. With `lan`, it is an error if other
    devices on the network cannot open the page.
    """
    sidecar, live = yield from _check_sidecar(read_runtime(state_dir) if state_dir is not None else None)
    site = read_site(state_dir) if state_dir is not None else None
    yield from check_vite_and_network(sidecar, site, url, guesses=True, lan=lan)
    yield from live
    if sidecar is not None and state_dir is not None:
        yield from check_pairs(state_dir)


def check_vite_and_network(
    sidecar: SidecarHere | None,
    site: Site | None,
    url: str | None = None,
    *,
    guesses: bool = False,
    lan: bool = False,
) -> Iterator[Finding]:
    """Check Vite and the network. `sidecar` is None if it is not running.

    With `guesses`, a Vite server at one of the usual ports is assumed to be the server of this project, even if it does
    not proxy to the sidecar. With `lan`, or if `site` has URLs for other devices, it is an error if other devices
    cannot open the page.
    """
    vite = yield from find_vite(site, url, sidecar, guesses=guesses)
    addresses = own_addresses()
    network = site.for_a_phone if site is not None else []
    for_others = lan or bool(network)
    yield check_addresses(addresses, for_others=for_others)
    if vite is not None:
        open_ = yield from check_reachability(vite, network, addresses, for_others=for_others)
        if sidecar is not None:
            yield from _check_proxy_and_pages(vite, sidecar, open_)
        yield from check_secure_context(open_)
    yield check_mdns()


def _check_proxy_and_pages(vite: Vite, sidecar: SidecarHere, open_: list[str]) -> Iterator[Finding]:
    """Check whether Vite proxies to the sidecar, and whether a page at each URL can connect through the proxy."""
    proxied = yield from check_proxy(vite, sidecar, is_on_network=bool(open_))
    if proxied is not None:
        for page in dict.fromkeys([vite.url, *open_]):
            yield from check_page(page, vite.by, sidecar, host_is_hidden=proxied.host_is_hidden)


def _check_sidecar(runtime: Runtime | None) -> Generator[Finding, None, tuple[SidecarHere | None, list[Finding]]]:
    """Check whether the sidecar is running. Also returns the findings that the sidecar itself reports."""
    if runtime is None:
        yield wrong("sidecar-down", "no sidecar is running for this project", _START)
        return None, []
    if not _is_up(runtime):
        gone = "its process has ended" if not is_running(runtime.pid) else "another program may be using its port"
        sentence = f"the sidecar at {runtime.url} no longer responds ({gone})"
        yield wrong("sidecar-gone", sentence, _START)
        return None, []
    yield ok("sidecar-up", f"the sidecar is running at {runtime.url} (version {runtime.version})")
    status = _status_of(runtime)
    if status is None:
        return SidecarHere(runtime.url, runtime.boot), []
    opens_at = next((each.path for each in status.dialects if each.opens_without_id), None)
    return SidecarHere(runtime.url, runtime.boot, opens_at), status.findings


def _status_of(runtime: Runtime) -> Status | None:
    """Read the status of the sidecar. Returns None if the hook `admit` refuses the request, or if the sidecar has just
    stopped."""
    try:
        return ask_status(Vite(f"{runtime.url}/"), runtime.admin_token)[1]
    except NoAnswer:
        return None


def _is_up(runtime: Runtime) -> bool:
    try:
        return msgspec.json.decode(get(f"{runtime.url}/health").body, type=_Health).boot == runtime.boot
    except (NoAnswer, *NOT_JSON):
        return False
