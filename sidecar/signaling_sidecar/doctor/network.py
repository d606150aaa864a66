"""Check at which addresses other devices can open the page, and whether it is a secure context there."""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Iterator, Sequence
from urllib.parse import urlsplit

from signaling_sidecar.addresses import Address, AddressKind
from signaling_sidecar.doctor.finding import Finding, note, ok, wrong, wrong_if
from signaling_sidecar.doctor.probes import NoAnswer, certificate_fault, get
from signaling_sidecar.doctor.vite import Vite
from signaling_sidecar.untrusted_text import visible

LAN_OPTION = "signaling({ lan: true }) in vite.config.js, which also serves https"
_KIND_WORDS = {
    AddressKind.VPN: "VPN",
    AddressKind.LINK_LOCAL: "link-local, only for devices on the same cable",
    AddressKind.VIRTUAL: "containers or virtual machines",
}


def check_addresses(addresses: Sequence[Address], *, for_others: bool) -> Finding:
    """Report the addresses of this machine, and which of them a phone cannot use.

    With `for_others`, it is an error if other devices cannot open the page.
    """
    lan = [address for address in addresses if address.kind is AddressKind.LAN]
    named = ", ".join(f"{address.net.ip} ({visible(address.interface)})" for address in lan)
    rest = ", ".join(
        f"{address.net.ip} ({visible(address.interface)}: {_KIND_WORDS[address.kind]})"
        for address in addresses
        if address.kind in _KIND_WORDS and address.in_a_url
    )
    others = f"; a phone cannot use {rest}" if rest else ""
    if not lan:
        sentence = f"this machine has no address on a local network{others}"
        remedy = "to let other devices connect, join the Wi-Fi that they use, or plug in the network cable"
        return wrong_if(for_others, "no-lan-address", sentence, remedy)
    return ok("lan-address", f"the address of this machine on the local network is {named}{others}")


def check_reachability(
    vite: Vite, known: Sequence[str], addresses: Sequence[Address], *, for_others: bool
) -> Generator[Finding, None, list[str]]:
    """Request the page at each address of this machine that other devices could use. Returns the URLs that respond.

    `known` are the URLs for other devices that the Vite plugin has written to `site.json`. `for_others` has the same
    meaning as for `check_addresses`.
    """
    if not vite.is_local:
        return [vite.url]
    ours = [address for address in addresses if address.kind in (AddressKind.LAN, AddressKind.VPN) and address.in_a_url]
    gone = [url for url in known if _is_gone(url, addresses)]
    if gone:
        sentence = (
            f"{visible(', '.join(gone))} is no longer an address of this machine, which may have changed networks"
        )
        yield wrong("address-gone", sentence, "restart Vite, so that its links and QR codes use the new address")
    urls = [url for url in known if url not in gone]
    urls = list(dict.fromkeys([*urls, *(_with_host(vite.url, address.host) for address in ours)]))
    open_ = [url for url in urls if _answers(url)]
    if not open_ and urls:
        sentence = "Vite listens on localhost only, so other devices cannot open the page"
        remedy = f"to let other devices connect, start Vite with --host, or use {LAN_OPTION}"
        yield wrong_if(for_others, "vite-localhost-only", sentence, remedy)
    elif open_:
        hint = (
            "if a device cannot open it, check that it is in this network (no guest Wi-Fi, no VPN), and whether a "
            "firewall blocks the port"
        )
        yield ok("on-the-network", f"Vite listens on the network: {visible(', '.join(open_))}", hint)
        closed = [url for url in urls if url not in open_]
        if closed:
            yield note("address-closed", f"Vite does not answer at {visible(', '.join(closed))}")
    return open_


def check_secure_context(urls: Sequence[str]) -> Iterator[Finding]:
    """Check whether browsers treat the pages at these URLs, which are for other devices, as secure contexts."""
    insecure = [url for url in urls if urlsplit(url).scheme != "https"]
    secure = [url for url in urls if url not in insecure]
    if insecure:
        sentence = (
            f"{visible(', '.join(insecure))} is not a secure context, so browsers do not allow the camera, the "
            "microphone and the clipboard there; data channels and receiving media work"
        )
        yield wrong("insecure-page", sentence, f"serve the page over https: use {LAN_OPTION}")
    if not secure:
        return
    yield ok("secure-page", f"{visible(secure[0])} is a secure context")
    fault = certificate_fault(secure[0])
    if fault is not None:
        sentence = (
            f"browsers show a warning because they do not trust the certificate ({visible(fault)}), and iOS then "
            "refuses the WebSocket"
        )
        yield note(
            "certificate-untrusted",
            sentence,
            "for iPhones, install the certificate of its authority; with lan: true, Vite serves it at "
            "/@signaling/authority.crt",
        )


def _is_gone(url: str, addresses: Sequence[Address]) -> bool:
    """Whether the host of the URL is an IP address that this machine does not have."""
    try:
        ip = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return ip not in [address.net.ip for address in addresses]


def _with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}").geturl()


def _answers(url: str) -> bool:
    try:
        get(url)
    except NoAnswer:
        return False
    return True
