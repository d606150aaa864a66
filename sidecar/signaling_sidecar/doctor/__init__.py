"""Check whether other devices can reach the sidecar through Vite, by sending real requests to both."""

from signaling_sidecar.doctor.checks import check_vite_and_network, run_checks
from signaling_sidecar.doctor.finding import Finding, Level
from signaling_sidecar.doctor.peers import check_client_networks
from signaling_sidecar.doctor.status import Request, Served, SiteShown, Status
from signaling_sidecar.doctor.vite import SidecarHere

__all__ = [
    "Finding",
    "Level",
    "Request",
    "Served",
    "SidecarHere",
    "SiteShown",
    "Status",
    "check_client_networks",
    "check_vite_and_network",
    "run_checks",
]
