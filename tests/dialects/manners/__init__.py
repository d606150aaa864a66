"""Each dialect's differences, for the suite that all of them pass."""

from tests.dialects.manners.hosted import HOSTED
from tests.dialects.manners.match import MATCH
from tests.dialects.manners.mesh import MESH
from tests.dialects.manners.pairing import PAIRING
from tests.dialects.manners.rooms import ROOMS

MANNERS = {"rooms": ROOMS, "mesh": MESH, "pairing": PAIRING, "match": MATCH, "hosted": HOSTED}
