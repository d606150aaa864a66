"""Several sidecars on one LAN: each says where its pages are, by multicast DNS, and finds those of the others."""

from signaling_sidecar.lan.lan_extra import require_lan_extra
from signaling_sidecar.lan.record import Page, page_of, read_record
from signaling_sidecar.lan.verify import Neighbour, NeighbourRoom, verified

__all__ = ["Neighbour", "NeighbourRoom", "Page", "page_of", "read_record", "require_lan_extra", "verified"]
