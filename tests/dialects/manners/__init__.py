"""`MANNERS`: how the clients of each dialect behave, for the tests that run with every dialect.

The manners of a dialect are the constant `MANNERS` in the module with its name. Every registered dialect must have such
a module.
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
