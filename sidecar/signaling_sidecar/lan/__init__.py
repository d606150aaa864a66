"""Announce this project's page on the local network by multicast DNS, and find the pages that others announce."""

from signaling_sidecar.lan.lan_extra import require_lan_extra
from signaling_sidecar.lan.record import Page, page_of, read_record
from signaling_sidecar.lan.verify import Neighbour, NeighbourRoom, verified

__all__ = ["Neighbour", "NeighbourRoom", "Page", "page_of", "read_record", "require_lan_extra", "verified"]
