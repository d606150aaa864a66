"""Test an app for several users with a real sidecar: start the sidecar, and wait until the peers are connected."""

from signaling_sidecar.testing.errors import NotConnected, SidecarEnded, SidecarRefused
from signaling_sidecar.testing.room import TestRoom
from signaling_sidecar.testing.sidecar import TestSidecar, started_sidecar

__all__ = ["NotConnected", "SidecarEnded", "SidecarRefused", "TestRoom", "TestSidecar", "started_sidecar"]
