"""Check whether any device answers over multicast DNS, which browsers need to resolve each other's `.local` names."""

from __future__ import annotations

from signaling_sidecar.doctor.finding import Finding, note, ok
from signaling_sidecar.untrusted_text import visible

ANSWERS_WITHIN_S = 1.5  # seconds; answers may be delayed by 120 ms (RFC 6762 6), and a packet may be lost


def check_mdns() -> Finding:
    """Ask which types of services exist on the network (RFC 6763 9). This announces nothing."""
    try:
        from zeroconf import ZeroconfServiceTypes

        from signaling_sidecar.lan.multicast import ip_version
    except ImportError:
        sentence = "mDNS was not checked"
        return note(
            "mdns-not-asked", sentence, "to check it, and to announce this page: pip install 'signaling-sidecar[lan]'"
        )
    try:
        kinds = ZeroconfServiceTypes.find(timeout=ANSWERS_WITHIN_S, ip_version=ip_version())
    except (OSError, RuntimeError) as error:  # zeroconf raises RuntimeError if there is no network interface
        return note("mdns-silent", f"mDNS cannot be used here ({visible(str(error))})", _REMEDY)
    if not kinds:
        return note("mdns-silent", f"no device answered over mDNS within {ANSWERS_WITHIN_S:g} s", _REMEDY)
    return ok("mdns-answers", f"mDNS works ({len(kinds)} types of services were found)")


_REMEDY = (
    "this is often harmless; but if peers in the same room do not connect, check whether the Wi-Fi isolates devices "
    "from each other (as guest networks do), and whether a firewall blocks UDP port 5353"
)
