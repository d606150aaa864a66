"""Find out from the records of a log why two peers are not connected."""

from signaling_sidecar.diagnosis.advice import ADVICE, next_step
from signaling_sidecar.diagnosis.checkpoints import rooms_in, there_before
from signaling_sidecar.diagnosis.diagnosis import Diagnosis, History, diagnose, judge, lines_of
from signaling_sidecar.diagnosis.entries import NO_SIGN_OF_LIFE, Entry, read_entries
from signaling_sidecar.diagnosis.kept_verdicts import KeptVerdicts
from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.meetings import FoundMeetings, MeetingFinder, find_meetings
from signaling_sidecar.diagnosis.reasons import JUST_MET, Reason
from signaling_sidecar.diagnosis.running import diagnose_running
from signaling_sidecar.diagnosis.state import state_of
from signaling_sidecar.diagnosis.verdict_object import RejectionObject, VerdictObject, Why, verdict_object, why
from signaling_sidecar.diagnosis.verdicts import Verdict, evaluate
from signaling_sidecar.pair_state import SIGNS, State

__all__ = [
    "ADVICE",
    "JUST_MET",
    "NO_SIGN_OF_LIFE",
    "SIGNS",
    "Diagnosis",
    "Entry",
    "FoundMeetings",
    "History",
    "KeptVerdicts",
    "Meeting",
    "MeetingFinder",
    "Reason",
    "RejectionObject",
    "State",
    "Verdict",
    "VerdictObject",
    "Why",
    "diagnose",
    "diagnose_running",
    "evaluate",
    "find_meetings",
    "judge",
    "lines_of",
    "next_step",
    "read_entries",
    "rooms_in",
    "state_of",
    "there_before",
    "verdict_object",
    "why",
]
