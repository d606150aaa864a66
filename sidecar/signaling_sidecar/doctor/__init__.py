"""What stands between a phone and a room: checks that ask the real sidecar, the real Vite and the real network."""

from signaling_sidecar.doctor.examination import examine, examine_from
from signaling_sidecar.doctor.finding import Finding, Level
from signaling_sidecar.doctor.pairs import PairNow, Standing, pairs_now
from signaling_sidecar.doctor.peers import of_clients
from signaling_sidecar.doctor.status import Request, Served, SiteShown, Status
from signaling_sidecar.doctor.vite import SidecarHere

__all__ = [
    "Finding",
    "Level",
    "PairNow",
    "Request",
    "Served",
    "SidecarHere",
    "SiteShown",
    "Standing",
    "Status",
    "examine",
    "examine_from",
    "of_clients",
    "pairs_now",
]
