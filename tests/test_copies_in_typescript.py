"""Constants that the plugin and the sidecar share are written twice, in TypeScript and in Python. Both copies agree."""

from __future__ import annotations

import re

from signaling_sidecar.diagnosis import JUST_MET
from signaling_sidecar.errors import SidecarError
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


def test_the_plugin_knows_all_exit_codes_with_which_a_sidecar_explains_an_error() -> None:
    code = (SOURCES / "plugin" / "sidecar-process.ts").read_text()
    taken = re.search(r"const STATE_DIR_TAKEN = (\d+)", code)
    listed = re.search(r"const ERROR_CODES: .+ = \[(.+)\]", code)
    assert taken is not None
    assert listed is not None
    known = {int(each) for each in listed[1].replace("STATE_DIR_TAKEN", taken[1]).split(",")}
    assert known == exit_codes(SidecarError)


def exit_codes(error: type[SidecarError]) -> set[int]:
    return {error.exit_code}.union(*map(exit_codes, error.__subclasses__()))
