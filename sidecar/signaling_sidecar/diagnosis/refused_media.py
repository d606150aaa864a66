"""Tells which pages got no camera, no microphone or no picture of the screen.

Many apps then create no RTCPeerConnection, or do not answer, so that no other report shows why nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.reports import Connections
from signaling_sidecar.diagnosis.sockets import Sockets

OPERATIONS = ("getUserMedia", "getDisplayMedia")
MAX_NAME_CHARS = 40  # the longest name of a DOMException has 26 characters

_NO_DEVICE = "connect a camera or microphone that fits what the app asks for, or let the app ask for less"
_NEXT_STEPS = {
    "NotAllowedError": "allow it in the browser, for this page; a page in a frame also needs the attribute `allow`",
    "NotFoundError": _NO_DEVICE,
    "OverconstrainedError": _NO_DEVICE,
    "NotReadableError": "close the other program that may be using the camera or the microphone",
}


class RefusedMedia(NamedTuple):
    """The last call of `getUserMedia` or `getDisplayMedia` in a page, if it has failed."""

    page: str
    """The title and the path of the page, or only one of them."""
    operation: str
    error: str
    """The name of the error. The page has sent it."""
    entry: Entry
    is_gone: bool
    """Whether the page was closed later."""

    @property
    def sentence(self) -> str:
        return f"{self.operation}() has failed ({self.error}) in {self.page}, and the app may wait for it"

    @property
    def next_step(self) -> str:
        return _NEXT_STEPS.get(self.error, "look at the console of this page")


def refused_media(connections: Connections, sockets: Sockets) -> Iterator[RefusedMedia]:
    for (page, operation), (entry, error) in connections.media.items():
        if error is None or operation not in OPERATIONS or not error.isidentifier() or len(error) > MAX_NAME_CHARS:
            continue
        about = connections.pages.get(page)
        known = (about.title, about.path) if about is not None else ()
        name = " at ".join(filter(None, known)) or "a page"
        yield RefusedMedia(name, operation, error, entry, sockets.goodbye(entry) is not None)
