"""A limit for the frames of a connection that does not depend on the time, because a busy machine may need seconds for
the frames of a test."""

from __future__ import annotations

import pytest

from signaling_sidecar.server.sockets import endpoint
from signaling_sidecar.server.sockets.frame_rate import FrameRate


def allow_only_the_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each connection send no more than `max_frames_burst` frames in all, whatever `max_frames_per_s` is."""
    monkeypatch.setattr(endpoint, "FrameRate", lambda per_s, burst, now_s: FrameRate(0.0, burst, now_s))
