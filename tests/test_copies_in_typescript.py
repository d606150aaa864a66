"""Constants that the plugin and the sidecar share are written twice, in TypeScript and in Python. Both copies agree."""

from __future__ import annotations

import re

from signaling_sidecar.diagnosis import JUST_MET
from signaling_sidecar.hub.rules import Reason
from signaling_sidecar.server.admin.inspector_links import ADDED_BY_PROXIES
from tests.kit.checkout import FRONTEND

SOURCES = FRONTEND / "src"


def test_both_refuse_the_inspector_to_the_same_proxies_and_tunnels() -> None:
    code = (SOURCES / "plugin" / "inspector-visitor.ts").read_text()
    found = re.search(r"const ADDED_BY_PROXIES =\s+/\^\(\?:(.+)\)\$/$", code, re.MULTILINE)
    assert found is not None
    assert found[1] == ADDED_BY_PROXIES.pattern


def test_both_testing_tools_use_the_sentence_of_the_diagnosis() -> None:
    assert f": {JUST_MET}`" in (SOURCES / "testing" / "test-room.ts").read_text()


def test_the_client_has_a_type_with_all_reasons_for_which_a_peer_has_left() -> None:
    code = (SOURCES / "browser" / "frames.ts").read_text()
    _, _, rest = code.partition("export type PeerLeftReason =")
    declaration, _, _ = rest.partition("\n\n")
    assert re.findall(r"'(.+?)'", declaration) == list(Reason)
