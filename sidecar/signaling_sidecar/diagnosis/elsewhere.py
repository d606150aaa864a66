"""Pages whose signaling went another way than by this sidecar: pairs by nothing but what they reported."""

from __future__ import annotations

from collections.abc import Iterator

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting, Stay
from signaling_sidecar.diagnosis.reports import Connection
from signaling_sidecar.diagnosis.sockets import Sockets


def pages_elsewhere(connections: list[Connection], sockets: Sockets) -> Iterator[Meeting]:
    """Put together the connections of two pages that name each other's ufrags; one alone has not been answered yet."""
    by_ufrag = {ufrag: connection for connection in connections for ufrag in connection.ufrags}
    done: set[str] = set()
    for connection in connections:
        # One that never began to negotiate was made to see what the browser can do.
        if connection.id in done or not connection.ufrags:
            continue
        others = (by_ufrag.get(ufrag) for ufrag in connection.remote_ufrags)
        other = next((each for each in others if each is not None and each.id not in done | {connection.id}), None)
        done |= {connection.id} if other is None else {connection.id, other.id}
        began = connection.reports[0][0]
        stays = (_stay_of(connection, began, sockets), _stay_of(other, began, sockets))
        yield Meeting(None, None, stays, began, connections=([connection], [] if other is None else [other]))


def _stay_of(connection: Connection | None, began: Entry, sockets: Sockets) -> Stay:
    if connection is None:
        return Stay("", "", "somebody", began)
    gone = sockets.goodbye(connection.reports[-1][0])
    return Stay(connection.id, connection.page or "", f"page {(connection.page or connection.id)[:6]}", began, gone)
