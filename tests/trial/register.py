"""A plugin for pytest that registers the dialects of the trial, as a line in `dialects/__init__.py` would."""

from signaling_sidecar.dialects import DIALECTS
from tests.kit.club import CLUB
from tests.trial.courier import COURIER

DIALECTS.update({dialect.name: dialect for dialect in (COURIER, CLUB)})
