"""Finds the setting that would allow a refused request, as a flag or as an option of Vite's plugin.

The advice must work: the setting must accept the value in the advice, and must then allow the same request.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

from signaling_sidecar.allow_list import ANY, host_entry, origin_entry

FLAGS, PLUGIN = "flags", "plugin"
_HOST = {
    FLAGS: "if it is yours, start the sidecar with --allow-host {}",
    PLUGIN: "if it is yours, add {} to server.allowedHosts in vite.config.js",
}
_ORIGIN = {
    FLAGS: "if it is yours, start the sidecar with --allow-origin {}",
    PLUGIN: "if it is yours, add {} to the allowedOrigins of signaling() in vite.config.js",
}
# A stranger may have chosen the value. It is quoted, because the user pastes it into a shell or a JavaScript file.
_QUOTE = {FLAGS: shlex.quote, PLUGIN: repr}
NEW_EACH_TIME = ("vscode-webview", "moz-extension", "safari-web-extension")
"""URL schemes of editors and browser extensions. Their hosts are random: new at each start, or on each machine."""


def to_let_host_in(name: str | None, advice: str) -> str:
    """Return the advice for a Host header. `name` is its host in lower case and without the port, or None if the header
    has no host."""
    if name is None:
        return "a request needs exactly one Host header, with a host name in it, so this request cannot be allowed"
    if name.endswith("."):
        return "open the page under this name without the dot at its end"
    if host_entry(name) != name or ANY in name or name.startswith((".", "-")):
        return "no browser sends such a name, so it cannot be allowed"
    return _HOST[advice].format(_QUOTE[advice](name))


def to_let_origin_in(origin: str, advice: str) -> str:
    if origin == "null":
        return (
            "this is what a page without an origin of its own sends, such as one in a sandboxed frame; every website "
            "can make such a page, so it cannot be allowed, and your page must be served over http"
        )
    entry = origin_entry(origin)
    if entry is None or ANY in entry:
        return "no browser sends such an origin, so it cannot be allowed"
    scheme, _, host = entry.partition("://")
    if scheme in NEW_EACH_TIME and host:
        entry = f"{scheme}://{ANY}"
    return _ORIGIN[advice].format(_QUOTE[advice](entry))


def consequences(allow_host: Collection[str], allow_origin: Collection[str]) -> Iterator[str]:
    """Return a warning for each setting that allows every website to connect."""
    if ANY in allow_host:
        yield (
            "allow_host is *: a website that you visit can point a name of its own at this machine (DNS rebinding), "
            "and then read and join all rooms here"
        )
    if found := {ANY, f"http://{ANY}", f"https://{ANY}"} & set(allow_origin):
        yield f"allow_origin is {min(found)}: every website that you visit can read and join all rooms here"
