"""A plugin for pytest that registers the dialect of the trial, as a line in `dialects/__init__.py` would."""

from signaling_sidecar.dialects import DIALECTS
from tests.trial.courier import COURIER

DIALECTS[COURIER.name] = COURIER
