"""Announce this project's page on the local network by multicast DNS, and find the pages that others announce."""

from signaling_sidecar.lan.lan_extra import require_lan_extra
from signaling_sidecar.lan.record import Page, page_of, read_record

# `verify` is not imported here, because it imports aiohttp's client, which `sidecar doctor` does not need.
__all__ = ["Page", "page_of", "read_record", "require_lan_extra"]
