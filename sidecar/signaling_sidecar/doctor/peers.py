"""Check the peers that are in rooms now: which networks they are in, and whether they are connected."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from signaling_sidecar.addresses import Address
from signaling_sidecar.diagnosis import Reason, State, Verdict, diagnose_running, next_step, state_of
from signaling_sidecar.doctor.finding import Finding, note, ok, wrong
from signaling_sidecar.errors import NoLog
from signaling_sidecar.untrusted_text import visible

# Prefix lengths that are usual in homes and offices, and that are assumed for clients outside of this machine's
# networks.
NETWORK_BITS = {4: 24, 6: 64}


def check_client_networks(clients: Sequence[str | None], own: Sequence[Address]) -> Iterator[Finding]:
    """Report from which networks the peers connect. `clients` are their IP addresses, or None if unknown."""
    if len(clients) < 2:
        return
    networks = Counter(_network(client, own) for client in clients)
    counts = ", ".join(f"{count} from {network}" for network, count in networks.items())
    if None in clients:
        yield note(
            "networks-unknown", f"peers in rooms now: {counts}", "with the Vite plugin, the networks of peers are known"
        )
    elif len(set(networks) - {_HERE}) > 1:
        sentence = f"peers in rooms now are in different networks: {counts}"
        yield note("different-networks", sentence, f"if they do not connect, {next_step(Reason.SUBNETS)}")
    else:
        yield ok("same-network", f"peers in rooms now: {counts}")


_HERE = "this machine"


def _network(client: str | None, own: Sequence[Address]) -> str:
    if client is None:
        return "an unknown address"
    ip = ipaddress.ip_address(client)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback or any(ip == address.net.ip for address in own):
        return _HERE
    networks = (address.net.network for address in own if ip in address.net.network)
    return str(next(networks, None) or ipaddress.ip_network(f"{ip}/{NETWORK_BITS[ip.version]}", strict=False))


def current_verdicts(state_dir: Path) -> list[Verdict]:
    """Return the verdicts about the pairs of peers that are in a room together now, from the newest part of the log.

    Raises NoLog, DamagedLog and UnknownSchema.
    """
    return [verdict for verdict in diagnose_running(state_dir).verdicts if verdict.meeting.parted() is None]


def check_pairs(state_dir: Path) -> Iterator[Finding]:
    """Report whether the peers that are in a room together now are connected."""
    try:
        together = current_verdicts(state_dir)
    except NoLog:
        return
    if not together:
        sentence = "no two peers are in a room now, so no connection between peers can be checked"
        yield note("nobody-together", sentence, "`sidecar why` explains the connections of peers that have left")
        return
    connected = sum(verdict.finding.reason is Reason.CONNECTED for verdict in together)
    if connected:
        yield ok("peers-connected", f"connected now: {connected} of {len(together)} pairs of peers")
    yield from (_pair_finding(verdict) for verdict in together if state_of(verdict.finding.reason) is State.FAILED)


def _pair_finding(verdict: Verdict) -> Finding:
    remedy = verdict.next_step or "`sidecar why` explains it"
    return wrong(f"pair-{verdict.finding.reason}", visible(verdict.sentence), remedy)
