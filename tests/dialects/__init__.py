"""Each dialect's differences, for the suite that all of them pass."""

from tests.dialects.hosted import HOSTED
from tests.dialects.match import MATCH
from tests.dialects.mesh import MESH
from tests.dialects.pairing import PAIRING
from tests.dialects.rooms import ROOMS

MANNERS = {"rooms": ROOMS, "mesh": MESH, "pairing": PAIRING, "match": MATCH, "hosted": HOSTED}
