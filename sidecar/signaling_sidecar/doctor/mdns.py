"""Whether anybody answers by multicast DNS, with which browsers find each other's .local names."""

from __future__ import annotations

from signaling_sidecar.doctor.finding import Finding, note, ok
from signaling_sidecar.untrusted_text import visible

ANSWERS_WITHIN_S = (
    1.5  # seconds; RFC 6762 6: answers to a shared question may be delayed by 120 ms, and one may be lost
)


def of_mdns() -> Finding:
    """Ask which kinds of services there are, as RFC 6763 9 describes. Nothing is announced."""
    try:
        from zeroconf import ZeroconfServiceTypes
    except ImportError:
        sentence = "whether mDNS answers was not asked"
        return note("mdns-not-asked", sentence, "for that, and to be found: pip install 'signaling-sidecar[lan]'")
    try:
        kinds = ZeroconfServiceTypes.find(timeout=ANSWERS_WITHIN_S)
    except OSError as error:
        return note("mdns-silent", f"mDNS cannot be used here ({visible(str(error))})", _REMEDY)
    if not kinds:
        return note("mdns-silent", f"no device answered over mDNS within {ANSWERS_WITHIN_S:g} s", _REMEDY)
    return ok("mdns-answers", f"mDNS answers ({len(kinds)} kinds of services)")


_REMEDY = (
    "often harmless; but if peers that see each other in a room do not connect: does the Wi-Fi keep devices apart "
    "(guest network, client isolation), or a firewall UDP port 5353?"
)
