"""Check whether Vite proxies /ws/signaling to this sidecar, and how the proxy changes requests."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from signaling_sidecar.doctor.finding import Finding, Level, note, ok, wrong
from signaling_sidecar.doctor.probes import Answer, NoAnswer, Silent, get, origin_of, upgrade
from signaling_sidecar.doctor.status import Request
from signaling_sidecar.doctor.vite import SidecarHere, Vite, ask_status
from signaling_sidecar.paths import SIGNALING_PATH
from signaling_sidecar.untrusted_text import visible

PLUGIN = "plugins: [signaling()] in vite.config.js"


class Proxied(NamedTuple):
    """How the proxy of Vite changes requests."""

    host_is_hidden: bool
    """Whether the proxy replaces the Host header."""


def check_proxy(vite: Vite, sidecar: SidecarHere, *, is_on_network: bool) -> Generator[Finding, None, Proxied | None]:
    """Request the status of the sidecar through Vite. Returns None if Vite does not proxy to this sidecar."""
    try:
        answer, status = ask_status(vite)
    except NoAnswer as error:
        yield _dead_end(sidecar, str(error) or "no answer")
        return None
    if status is None:
        if answer.status == 403:  # `check_page` finds out whether Vite or the sidecar has refused the request, and why
            return Proxied(host_is_hidden=False)
        if answer.needs_token:  # the token of the admin is not sent, because Vite may proxy to another server
            yield ok("proxied", f"Vite proxies {SIGNALING_PATH} to a sidecar, which requires a token")
            return Proxied(host_is_hidden=False)
        yield _not_proxied(answer, sidecar)
        return None
    if status.boot != sidecar.boot:
        sentence = f"Vite proxies {SIGNALING_PATH} to the sidecar of another project"
        yield wrong("proxy-other-sidecar", sentence, _right_target(sidecar))
        return None
    yield ok("proxied", f"Vite proxies {SIGNALING_PATH} to the sidecar")
    proxied = Proxied(host_is_hidden=status.request.host != urlsplit(vite.url).netloc)
    yield from _check_headers(proxied, status.request, is_on_network)
    return proxied


def _not_proxied(answer: Answer, sidecar: SidecarHere) -> Finding:
    if answer.status >= 500:
        return _dead_end(sidecar, f"the proxy responds with status {answer.status}")
    sentence = f"Vite does not proxy {SIGNALING_PATH} to a sidecar (it responds with status {answer.status})"
    return wrong("not-proxied", sentence, f"add {PLUGIN}, or a proxy rule with the target {sidecar.url}")


def _dead_end(sidecar: SidecarHere, why: str) -> Finding:
    sentence = (
        f"Vite's proxy rule for {SIGNALING_PATH} does not reach the sidecar ({visible(why)}); its port may be wrong"
    )
    return wrong("proxy-dead-end", sentence, _right_target(sidecar))


def _right_target(sidecar: SidecarHere) -> str:
    return f"set the target of the rule to {sidecar.url}, or let the plugin add the rule: {PLUGIN}"


def _check_headers(proxied: Proxied, request: Request, is_on_network: bool) -> Iterator[Finding]:
    if proxied.host_is_hidden:
        seen = visible(request.host)
        sentence = (
            f"Vite's proxy replaces the Host header (the sidecar receives {seen}), so pages on other devices are "
            "refused"
        )
        level = Level.WRONG if is_on_network else Level.NOTE
        remedy = "write the proxy rule as an object without changeOrigin (the string form sets it)"
        yield Finding("host-hidden", level, sentence, remedy)
    else:
        yield ok("host-kept", "the proxy keeps the Host header of the browser")
    if request.forwarded_for is None or request.address is None:
        sentence = (
            "the proxy does not prove the address of a client (X-Forwarded-For), so the networks of peers are unknown"
        )
        yield note("client-hidden", sentence, f"this is harmless; the plugin proves the address: {PLUGIN}")


def check_page(url: str, by: str | None, sidecar: SidecarHere, *, host_is_hidden: bool) -> Iterator[Finding]:
    """Check whether Vite serves a page at this URL, and whether the sidecar accepts a WebSocket from that page.

    `by` is the host to connect to. With `host_is_hidden`, a refused Origin is not reported, because its cause has been
    reported already.
    """
    try:
        page = get(url, accept="text/html", by=by)
    except NoAnswer as error:
        yield wrong("page-silent", f"{visible(url)} does not answer ({visible(str(error))})", "restart Vite")
        return
    if page.status == 403:
        name = visible(urlsplit(url).hostname or "")
        remedy = f"server: {{ allowedHosts: ['{name}'] }} in vite.config.js"
        yield wrong("vite-refuses-host", f"Vite refuses requests for the host name {name}", remedy)
    if sidecar.opens_at is None:
        return
    try:
        answer = upgrade(f"{origin_of(url)}{sidecar.opens_at}", by=by)
    except Silent:
        sentence = (
            f"a WebSocket from {visible(url)} gets no response, because the proxy rule only applies to HTTP requests"
        )
        yield wrong("websocket-not-proxied", sentence, "add ws: true to the proxy rule")
    except NoAnswer as error:
        sentence = f"a WebSocket from {visible(url)} is disconnected ({visible(str(error))})"
        yield wrong("websocket-not-proxied", sentence, "add ws: true to the proxy rule")
    else:
        yield from _check_handshake(url, answer, host_is_hidden)


def _check_handshake(url: str, answer: Answer, host_is_hidden: bool) -> Iterator[Finding]:
    if answer.status == 101:
        yield ok("websocket-opens", f"a page at {visible(url)} can open a WebSocket")
    elif answer.needs_token:
        yield ok("websocket-needs-token", f"a page at {visible(url)} can open a WebSocket if it shows a token")
    elif answer.status != 403:
        sentence = f"a WebSocket from {visible(url)} is refused with status {answer.status} ({answer.text})"
        yield wrong("websocket-refused", sentence, "check the proxy rule, and the output of Vite")
    elif not host_is_hidden:
        # The body of the response consists of the reason, a colon, and how to allow the request.
        reason, _, remedy = answer.text.rpartition(": ")
        yield wrong(
            "page-refused", f"the sidecar {reason or answer.text}", remedy if reason else "check your hook `admit`"
        )
