"""Find out from the records of a log why two peers are not connected."""

from signaling_sidecar.diagnosis.advice import ADVICE, next_step
from signaling_sidecar.diagnosis.diagnosis import Diagnosis, History, diagnose
from signaling_sidecar.diagnosis.entries import Entry, read_entries
from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.meetings import FoundMeetings, find_meetings
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.verdicts import Verdict, evaluate

__all__ = [
    "ADVICE",
    "Diagnosis",
    "Entry",
    "FoundMeetings",
    "History",
    "Meeting",
    "Reason",
    "Verdict",
    "diagnose",
    "evaluate",
    "find_meetings",
    "next_step",
    "read_entries",
]
