"""Why are my peers not connected? Verdicts over the records of a log, in plain Python."""

from signaling_sidecar.diagnosis.advice import ADVICE, next_step
from signaling_sidecar.diagnosis.diagnosis import Diagnosis, History, diagnose
from signaling_sidecar.diagnosis.entries import Entry, read_entries
from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.meetings import Met, find_meetings
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.verdicts import Verdict, judge

__all__ = [
    "ADVICE",
    "Diagnosis",
    "Entry",
    "History",
    "Meeting",
    "Met",
    "Reason",
    "Verdict",
    "diagnose",
    "find_meetings",
    "judge",
    "next_step",
    "read_entries",
]
