"""How the clients of each dialect behave, for the tests that all dialects pass.

A dialect's manners are in the module of its name, as `MANNERS`. They are found by the dialect's registration.
"""

from importlib import import_module
from importlib.util import find_spec

from signaling_sidecar.dialects import DIALECTS
from tests.dialects.manners.manners import Manners


def module_of(dialect: str) -> str:
    return f"{__name__}.{dialect.replace('-', '_')}"


MANNERS: dict[str, Manners] = {
    name: import_module(module_of(name)).MANNERS for name in DIALECTS if find_spec(module_of(name)) is not None
}
