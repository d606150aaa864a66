"""A pytest plugin that registers `courier` and `club`, as a line in `dialects/__init__.py` would."""

from signaling_sidecar.dialects import DIALECTS
from tests.kit.club import CLUB
from tests.trial.courier import COURIER

DIALECTS.update({dialect.name: dialect for dialect in (COURIER, CLUB)})
