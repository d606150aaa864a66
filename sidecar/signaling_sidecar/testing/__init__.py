"""Test an app of several users with a real sidecar: start one, and wait until its peers are connected."""

from signaling_sidecar.testing.errors import NotConnected, SidecarEnded, SidecarRefused
from signaling_sidecar.testing.room import TestRoom
from signaling_sidecar.testing.sidecar import TestSidecar, started_sidecar

__all__ = ["NotConnected", "SidecarEnded", "SidecarRefused", "TestRoom", "TestSidecar", "started_sidecar"]
