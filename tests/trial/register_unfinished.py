"""A pytest plugin that registers a dialect without vectors and manners."""

from dataclasses import replace

from signaling_sidecar.dialects import DIALECTS
from tests.trial.courier import COURIER

DIALECTS["unfinished"] = replace(COURIER, name="unfinished")
