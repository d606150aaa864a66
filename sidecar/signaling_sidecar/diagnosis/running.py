"""Diagnose a running sidecar."""

from __future__ import annotations

import time
from pathlib import Path

from signaling_sidecar.diagnosis.diagnosis import Diagnosis, diagnose
from signaling_sidecar.diagnosis.entries import read_entries
from signaling_sidecar.eventlog.segments import find_segments, newest_of


def diagnose_running(folder: Path) -> Diagnosis:
    """Evaluate the newest part of the event log in `folder` at the current time.

    Raises NoLog, DamagedLog and UnknownSchema.
    """
    return diagnose(read_entries(newest_of(find_segments(folder).segments)), time.time())
