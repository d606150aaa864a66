"""Whether Vite hands /ws/signaling to this sidecar, and what it makes of a request on the way."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from signaling_sidecar.doctor.asking import Answer, NoAnswer, Silent, get, origin_of, upgrade
from signaling_sidecar.doctor.finding import Finding, Level, note, ok, wrong
from signaling_sidecar.doctor.status import SIGNALING_PATH, Request
from signaling_sidecar.doctor.vite import SidecarHere, Vite, ask_status
from signaling_sidecar.untrusted_text import visible

PLUGIN = "plugins: [signaling()] in vite.config.js"


class Proxied(NamedTuple):
    """What is known of the way through Vite."""

    host_is_hidden: bool


def of_proxy(vite: Vite, sidecar: SidecarHere, *, is_on_network: bool) -> Generator[Finding, None, Proxied | None]:
    """Ask for the sidecar's status through Vite. None comes back when there is no way through."""
    try:
        answer, status = ask_status(vite)
    except NoAnswer as error:
        yield _dead_end(sidecar, str(error) or "no answer")
        return None
    if status is None:
        if answer.status == 403:  # who refuses it, and what would let it in, `of_page` finds out
            return Proxied(host_is_hidden=False)
        yield _not_proxied(answer, sidecar)
        return None
    if status.boot != sidecar.boot:
        sentence = f"Vite proxies {SIGNALING_PATH} to another sidecar than this project's"
        yield wrong("proxy-other-sidecar", sentence, _right_target(sidecar))
        return None
    yield ok("proxied", f"Vite proxies {SIGNALING_PATH} to it")
    proxied = Proxied(host_is_hidden=status.request.host != urlsplit(vite.url).netloc)
    yield from _of_headers(proxied, status.request, is_on_network)
    return proxied


def _not_proxied(answer: Answer, sidecar: SidecarHere) -> Finding:
    if answer.status >= 500:
        return _dead_end(sidecar, f"it answers {answer.status}")
    sentence = f"Vite does not proxy {SIGNALING_PATH} to a sidecar (it answers {answer.status})"
    return wrong("not-proxied", sentence, f"add {PLUGIN}, or a proxy rule with the target {sidecar.url}")


def _dead_end(sidecar: SidecarHere, why: str) -> Finding:
    sentence = f"Vite's proxy rule for {SIGNALING_PATH} does not lead to the sidecar ({visible(why)}): a wrong port?"
    return wrong("proxy-dead-end", sentence, _right_target(sidecar))


def _right_target(sidecar: SidecarHere) -> str:
    return f"its target must be {sidecar.url}; the plugin knows that by itself: {PLUGIN}"


def _of_headers(proxied: Proxied, request: Request, is_on_network: bool) -> Iterator[Finding]:
    if proxied.host_is_hidden:
        seen = visible(request.host)
        sentence = (
            f"Vite's proxy hides the Host of a page (the sidecar sees {seen}): those on the network are strangers"
        )
        level = Level.WRONG if is_on_network else Level.NOTE
        remedy = "write the proxy rule as an object without changeOrigin (the string form sets it)"
        yield Finding("host-hidden", level, sentence, remedy)
    else:
        yield ok("host-kept", "the proxy hands on the Host as the browser sent it")
    if request.forwarded_for is None or request.address is None:
        sentence = "the proxy does not prove who asks (X-Forwarded-For), so nobody can tell which network a peer is in"
        yield note("client-hidden", sentence, f"this harms nothing; the plugin does: {PLUGIN}")


def of_page(url: str, by: str | None, sidecar: SidecarHere, *, host_is_hidden: bool) -> Iterator[Finding]:
    """Whether Vite and the sidecar let a page at this URL in: the Host of its GET, Host and Origin of its WebSocket.

    `by`: the host to connect to. `host_is_hidden`: that is why an Origin is refused, and is said already.
    """
    try:
        page = get(url, accept="text/html", by=by)
    except NoAnswer as error:
        yield wrong("page-silent", f"{visible(url)} does not answer ({visible(str(error))})", "start Vite again")
        return
    if page.status == 403:
        name = visible(urlsplit(url).hostname or "")
        remedy = f"server: {{ allowedHosts: ['{name}'] }} in vite.config.js"
        yield wrong("vite-refuses-host", f"Vite refuses to serve pages under the name {name}", remedy)
    if sidecar.opens_at is None:
        return
    try:
        answer = upgrade(f"{origin_of(url)}{sidecar.opens_at}", by=by)
    except Silent:
        sentence = f"a WebSocket from {visible(url)} is never answered: the proxy rule takes plain requests only"
        yield wrong("websocket-not-proxied", sentence, "add ws: true to the proxy rule")
    except NoAnswer as error:
        sentence = f"a WebSocket from {visible(url)} is cut off ({visible(str(error))})"
        yield wrong("websocket-not-proxied", sentence, "add ws: true to the proxy rule")
    else:
        yield from _of_handshake(url, answer, host_is_hidden)


def _of_handshake(url: str, answer: Answer, host_is_hidden: bool) -> Iterator[Finding]:
    if answer.status == 101:
        yield ok("websocket-opens", f"a WebSocket from a page at {visible(url)} opens")
    elif answer.status != 403:
        sentence = f"a WebSocket from {visible(url)} is answered {answer.status} ({answer.text})"
        yield wrong("websocket-refused", sentence, "look at its proxy rule, and at what Vite prints")
    elif not host_is_hidden:
        # The guard's own words: what it refused, then what would let it in.
        said, _, remedy = answer.text.rpartition(": ")
        yield wrong("page-refused", f"the sidecar {said or answer.text}", remedy if said else "ask your hooks' `admit`")
