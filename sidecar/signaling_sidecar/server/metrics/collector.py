"""The metrics of one sidecar, read from its state when somebody asks. Only frames and records are counted in between.

No label has a value that a client has chosen, so there are never more than a few hundred time series, and none of them
contains an id, a name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from signaling_sidecar import __version__
from signaling_sidecar.hub import Hub
from signaling_sidecar.server.metrics.measured import Measured

_Key = TypeVar("_Key", str, tuple[str, str])
"""The value of the only label, or the values of both."""
_NO_DIALECT = "none"
"""The label of a frame that was refused before its dialect was known."""


def registry_of(measured: Measured, hub: Callable[[], Hub | None]) -> CollectorRegistry:
    """Return the metrics of the sidecar, of its process and of Python's memory.

    `hub` returns the hub to read from. If it returns None, there are no samples about rooms.
    """
    registry = CollectorRegistry(auto_describe=True)
    registry.register(_SidecarCollector(measured, hub))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _SidecarCollector(Collector):
    def __init__(self, measured: Measured, hub: Callable[[], Hub | None]) -> None:
        self._measured = measured
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        yield from self._state()
        yield from self._rooms()
        yield from self._frames()
        yield from self._log()

    def _state(self) -> Iterator[Metric]:
        sidecar = self._measured
        yield InfoMetricFamily("signaling_build", "The version of the sidecar.", {"version": __version__})
        yield _gauge("signaling_ready", "1 if GET /ready answers 200, otherwise 0.", sidecar.is_ready())
        settings = sidecar.settings()
        yield _gauge("signaling_connections_limit", "The most connections (max_connections).", settings.max_connections)
        yield _gauge("signaling_rooms_limit", "The most rooms (max_rooms).", settings.max_rooms)
        by_dialect = Counter(dict.fromkeys([*sidecar.dialects, _NO_DIALECT], 0))
        outboxes: list[int] = []
        for connection in sidecar.front.connections:
            by_dialect[connection.speaker.dialect.name if connection.speaker is not None else _NO_DIALECT] += 1
            outboxes.append(connection.outbox.backlog_bytes)
        yield _gauges("signaling_connections", "The open WebSockets.", ["dialect"], by_dialect)
        yield _gauge("signaling_outbox_bytes", "The bytes that clients have not read yet.", sum(outboxes))
        largest = max(outboxes, default=0)
        yield _gauge("signaling_outbox_largest_bytes", "The bytes that the slowest client has not read yet.", largest)
        yield _counters(
            "signaling_connections_closed",
            "The WebSockets that have ended, by how they ended and who has ended them.",
            ["ending", "by"],
            sidecar.counts.endings,
        )

    def _rooms(self) -> Iterator[Metric]:
        hub = self._hub()
        dialects = self._measured.dialects if hub is not None else ()
        rooms = Counter(dict.fromkeys(dialects, 0))
        peers = Counter(dict.fromkeys(product(dialects, ("connected", "away")), 0))
        for room in hub.membership.rooms if hub is not None else ():
            dialect = room.key.dialect
            away = sum(session.connection is None for session in room.sessions.values())
            rooms[dialect] += 1
            peers[dialect, "away"] += away
            peers[dialect, "connected"] += len(room.sessions) - away
        yield _gauges("signaling_rooms", "The rooms.", ["dialect"], rooms)
        yield _gauges("signaling_peers", "The peers in rooms, connected or away.", ["dialect", "state"], peers)

    def _frames(self) -> Iterator[Metric]:
        front, counts = self._measured.front, self._measured.counts
        yield _counter("signaling_frames_received", "The frames of clients that were read.", front.frames_received)
        yield _counter("signaling_frames_sent", "The frames for clients, pings included.", front.outgoing.frames)
        relays = {dialect: counts.relays.get(dialect, 0) for dialect in self._measured.dialects}
        yield _counters("signaling_relays", "The frames that were relayed, each counted once.", ["dialect"], relays)
        refusals = {(dialect or _NO_DIALECT, code): count for (dialect, code), count in counts.refusals.items()}
        yield _counters("signaling_refusals", "The frames that were refused.", ["dialect", "code"], refusals)
        yield _counters(
            "signaling_resumptions",
            "The clients that have asked to resume a session: resumed with all frames, with a gap, or not (token).",
            ["outcome"],
            front.outgoing.resumptions,
        )
        yield _counters(
            "signaling_hook_failures", "The calls of hooks that have failed.", ["hook"], counts.hook_failures
        )

    def _log(self) -> Iterator[Metric]:
        log = self._measured.log
        yield _gauge("signaling_log_written", "1 if the event log can be written, otherwise 0.", log.is_written)
        help_ = "The records that are missing in the event log because it could not be written."
        yield _counter("signaling_log_records_lost", help_, log.lost)
        records = self._measured.counts.records
        yield _counters(
            "signaling_records", "What has happened, except relays, as in the event log.", ["type"], records
        )


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, float(value))


def _counter(name: str, help_: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_, float(value))


def _gauges(name: str, help_: str, labels: list[str], values: Mapping[_Key, int]) -> Metric:
    return _filled(GaugeMetricFamily(name, help_, labels=labels), values)


def _counters(name: str, help_: str, labels: list[str], values: Mapping[_Key, int]) -> Metric:
    return _filled(CounterMetricFamily(name, help_, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[_Key, int]) -> Metric:
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else key, value)
    return family
