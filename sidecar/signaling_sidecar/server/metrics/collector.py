"""Computes the metrics of one sidecar from its state when `/metrics` is requested.

Between requests, only events such as frames and records are counted. No label has a value that a client has chosen. So
there are never more than a few hundred time series, and no label contains an id, a name or an address of a client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from signaling_sidecar import __version__
from signaling_sidecar.errors import Code
from signaling_sidecar.reload.hooks_file import HOOKS
from signaling_sidecar.server.metrics.measured import InCluster, Measured

_Key = TypeVar("_Key", str, tuple[str, str])
"""The label values of a time series: a str for one label, and a tuple for two labels."""
_NO_DIALECT = "none"
"""The value of the label `dialect` for a connection or a frame whose dialect is not known yet."""


def registry_of(measured: Measured) -> CollectorRegistry:
    """Return the metrics of the sidecar, of its process and of Python's memory."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(_SidecarCollector(measured))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _SidecarCollector(Collector):
    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        yield from self._state()
        yield from self._rooms()
        yield from self._frames()
        yield from self._log()
        in_cluster = self._measured.in_cluster()
        if in_cluster is not None:
            yield from _of_cluster(in_cluster)

    def _state(self) -> Iterator[Metric]:
        sidecar = self._measured
        yield InfoMetricFamily("signaling_build", "The version of the sidecar.", {"version": __version__})
        yield _gauge("signaling_ready", "1 if GET /ready answers 200, otherwise 0.", sidecar.is_ready())
        settings = sidecar.settings()
        yield _gauge(
            "signaling_connections_limit",
            "The maximum number of connections (max_connections).",
            settings.max_connections,
        )
        yield _gauge("signaling_rooms_limit", "The maximum number of rooms (max_rooms).", settings.max_rooms)
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
            sidecar.front.endings,
        )

    def _rooms(self) -> Iterator[Metric]:
        hub = self._measured.hub_here()
        dialects = self._measured.dialects if hub is not None else ()
        rooms = Counter(dict.fromkeys(dialects, 0))
        peers = Counter(dict.fromkeys(product(dialects, ("connected", "away")), 0))
        for room in hub.membership.rooms if hub is not None else ():
            dialect = room.key.dialect
            away = sum(session.connection is None for session in room.sessions.values())
            rooms[dialect] += 1
            peers[dialect, "away"] += away
            peers[dialect, "connected"] += len(room.sessions) - away
        yield _gauges("signaling_rooms", "The number of rooms.", ["dialect"], rooms)
        yield _gauges("signaling_peers", "The peers in rooms, connected or away.", ["dialect", "state"], peers)

    def _frames(self) -> Iterator[Metric]:
        front, counts = self._measured.front, self._measured.counts
        yield _counter("signaling_frames_received", "The frames that were read from clients.", front.frames_received)
        yield _counter("signaling_frames_sent", "The frames for clients, pings included.", front.outgoing.frames)
        relays = {dialect: counts.relays.get(dialect, 0) for dialect in self._measured.dialects}
        yield _counters("signaling_relays", "The frames that were relayed, each counted once.", ["dialect"], relays)
        # Prometheus sees no increase in a series that begins with 1, so the series of faults begin with 0.
        refusals = dict.fromkeys(product(self._measured.dialects, [Code.INTERNAL.value]), 0)
        refusals |= {(dialect or _NO_DIALECT, code): count for (dialect, code), count in counts.refusals.items()}
        yield _counters("signaling_refusals", "The frames that were refused.", ["dialect", "code"], refusals)
        yield _counters(
            "signaling_resumptions",
            "The attempts to resume a session: with all frames (resumed), with lost frames (gap), or failed (token).",
            ["outcome"],
            front.outgoing.resumptions,
        )
        failures = dict.fromkeys(HOOKS, 0) | counts.hook_failures
        yield _counters("signaling_hook_failures", "The calls of hooks that have failed.", ["hook"], failures)

    def _log(self) -> Iterator[Metric]:
        log = self._measured.log
        yield _gauge("signaling_log_written", "1 if the event log can be written, otherwise 0.", log.is_written)
        help_ = "The records that are missing in the event log because it could not be written."
        yield _counter("signaling_log_records_lost", help_, log.lost)
        records = self._measured.counts.records
        yield _counters(
            "signaling_records", "The records of the event log, without those of relayed frames.", ["type"], records
        )


def _of_cluster(own: InCluster) -> Iterator[Metric]:
    yield _gauge("signaling_cluster_member", "1 if the sidecar is in its cluster, otherwise 0.", own.is_member)
    yield _counter("signaling_cluster_joins", "How often the sidecar has joined its cluster.", own.joins)
    yield _gauge("signaling_cluster_owner", "1 if the sidecar has the rooms of its cluster, otherwise 0.", own.is_owner)
    help_ = "How long the sidecar has taken to take over the rooms of its cluster."
    yield SummaryMetricFamily("signaling_cluster_takeover_seconds", help_, own.takeovers, own.takeovers_s)
    help_ = "The time from sending a script to Redis until its answer."
    yield HistogramMetricFamily("signaling_redis_answer_seconds", help_, own.redis_answers, own.redis_answers_s)
    yield _gauge("signaling_redis_silent_seconds", "The seconds since the last answer of Redis.", own.redis_silent_s)
    help_ = "The records of the cluster that the event log of this sidecar does not have yet."
    yield _gauge("signaling_log_behind_records", help_, own.log_behind)


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
