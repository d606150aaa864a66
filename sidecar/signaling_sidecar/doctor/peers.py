"""Whether those who are in the rooms now see each other as the same network."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from signaling_sidecar.addresses import Address
from signaling_sidecar.diagnosis import Reason, Verdict, diagnose, next_step, read_entries
from signaling_sidecar.doctor.finding import Finding, note, ok, wrong
from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.segments import find_segments, newest_of
from signaling_sidecar.untrusted_text import visible

NETWORK_BITS = {4: 24, 6: 64}  # of an address that is in no network of ours; what homes and offices have
UNDECIDED = (Reason.IN_PROGRESS, Reason.UNKNOWN, Reason.UNRECOGNISED, Reason.NOBODY_OFFERED, Reason.LEFT)


def of_clients(clients: Sequence[str | None], own: Sequence[Address]) -> Iterator[Finding]:
    """Say from which networks the peers' connections come. None: behind a proxy that does not say."""
    if len(clients) < 2:
        return
    places = Counter(_place(client, own) for client in clients)
    said = ", ".join(f"{count} from {place}" for place, count in places.items())
    if None in clients:
        yield note("networks-unknown", f"peers in rooms now: {said}", "behind the Vite plugin their networks are known")
    elif len(set(places) - {_HERE}) > 1:
        sentence = f"peers in rooms now are in different networks: {said}"
        yield note("different-networks", sentence, f"if they do not connect: {next_step(Reason.SUBNETS)}")
    else:
        yield ok("same-network", f"peers in rooms now: {said}")


_HERE = "this machine"


def _place(client: str | None, own: Sequence[Address]) -> str:
    if client is None:
        return "an unknown address"
    ip = ipaddress.ip_address(client)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback or any(ip == address.net.ip for address in own):
        return _HERE
    networks = (address.net.network for address in own if ip in address.net.network)
    return str(next(networks, None) or ipaddress.ip_network(f"{ip}/{NETWORK_BITS[ip.version]}", strict=False))


def together_now(state_dir: Path) -> list[Verdict]:
    """Judge the pairs that are in a room together now, by the newest part of the log.

    Raises NoLog, DamagedLog, UnknownSchema.
    """
    newest = newest_of(find_segments(state_dir).segments)
    verdicts = diagnose(read_entries(newest), time.time()).verdicts
    return [verdict for verdict in verdicts if verdict.meeting.parted() is None]


def of_log(state_dir: Path) -> Iterator[Finding]:
    """Say of the pairs that are in a room together now whether they are connected."""
    try:
        together = together_now(state_dir)
    except NoLog:
        return
    if not together:
        sentence = "no two peers are in a room: whether they see each other shows when they are"
        yield note("nobody-together", sentence, "`sidecar why` says what became of those who were")
        return
    connected = sum(verdict.finding.reason is Reason.CONNECTED for verdict in together)
    if connected:
        yield ok("peers-connected", f"connected now: {connected} of {len(together)} pairs of peers")
    yield from (
        _of_pair(verdict) for verdict in together if verdict.finding.reason not in (Reason.CONNECTED, *UNDECIDED)
    )


def _of_pair(verdict: Verdict) -> Finding:
    remedy = verdict.next_step or "`sidecar why` says more"
    return wrong(f"pair-{verdict.finding.reason}", visible(verdict.sentence), remedy)
