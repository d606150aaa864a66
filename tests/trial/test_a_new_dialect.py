"""A dialect that differs from all others needs only a module, its registration, vectors and manners.

No other code changes.

The tests try this with two dialects, `courier` and `club`. The tests that run with every dialect are run in a separate
process, in which these two are registered. The tests of the documents are not run there, because documents do not
describe dialects that are only for tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.inspection import open_log
from tests.kit.checkout import ROOT
from tests.kit.club import CLUB
from tests.kit.serving import serve
from tests.kit.shared_copy import shared_copy
from tests.trial.courier import COURIER

GENERIC = (
    *("dialects/test_conformance.py", "dialects/test_vectors.py", "dialects/test_any_frames.py"),
    *("eventlog/test_redact.py", "hub/test_rules.py", "server/test_admin_api.py"),
    *("server/hooks/test_hooks.py", "server/hooks/test_room_rules.py"),
    *("server/auth/test_limits_of_tokens.py", "server/auth/test_no_entry.py"),
    *("server/auth/test_places_of_tokens.py", "server/auth/test_sessions.py"),
)
OF_COURIER = "inspection/test_dialects.py"  # without `club`, whose frames have no kinds for offers and answers


def pytest_with(plugin: str, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-v", "-p", plugin, "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_new_dialects_pass_the_tests_for_all_dialects() -> None:
    files = [f"tests/{each}" for each in (*GENERIC, OF_COURIER)]
    code, output = pytest_with("tests.trial.register", "-k", f"{COURIER.name} or {CLUB.name}", *files)
    assert code == 0, output
    for file, dialect in (*product(GENERIC, (COURIER.name, CLUB.name)), (OF_COURIER, COURIER.name)):
        assert re.search(rf"tests/{file}::.*\[.*{dialect}.* PASSED", output), f"{file} has no test of {dialect}"


def test_the_tests_report_missing_vectors_and_manners_of_a_dialect() -> None:
    files = ("tests/dialects/test_conformance.py", "tests/dialects/test_vectors.py")
    code, output = pytest_with("tests.trial.register_unfinished", "-k", "unfinished", *files)
    assert code == 1
    assert "tests/dialects/manners/unfinished.py is missing" in output
    assert "tests/vectors/unfinished/*.json are missing" in output
    failed = set(re.findall(r"^FAILED \S+::(\w+)", output, re.MULTILINE))
    assert failed == {
        "test_every_dialect_is_tested_with_the_rules",
        "test_every_dialect_has_vectors_with_each_kind_of_its_frames",
    }


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DIALECTS, COURIER.name, COURIER)


@pytest.mark.usefixtures("registered")
async def test_binary_frames_are_relayed_shown_to_hooks_logged_drawn_and_shared(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    hooks = tmp_path / "signaling_hooks.py"
    hooks.write_text("def on_relay(relay):\n    return relay.kind != 'chunk' or relay.frame == bytes((0, 255))\n")
    served = await serve(aiohttp_client, tmp_path / "state", hooks=hooks)
    ann, ben = [await served.connect("/ws/signaling/courier") for _ in range(2)]
    assert [await each.receive() for each in (ann, ben)] == ["hello"] * 2
    assert await ann.ask(["enter", "bar", "ann"]) == ["room", "bar"]
    assert await ann.receive() == ["here", []]
    assert await ben.ask(["enter", "bar", "ben"]) == ["room", "bar"]
    assert await ben.receive() == ["here", ["ann"]]
    assert await ann.receive() == ["came", "ben"]
    await ben.send(b"\x03ann\x00\xff")
    assert await ann.receive() == b"\x03ben\x00\xff"
    assert await ben.ask(b"\x03ann\x00\x00") == ["wrong", "refused-by-hook"]
    assert await ben.ask(b"\x00\x00") == ["wrong", "bad-field"]
    assert [record["kind"] for record in served.records("signal.refused")] == ["chunk", "chunk"]
    (relayed,) = served.records("signal.relayed")
    assert (relayed["kind"], relayed["bytes"], relayed["data"]) == ("chunk", 2, {"base64": "AP8="})
    await served.stop()
    log = open_log(tmp_path / "state")
    assert log.signals[["kind", "bytes", "outcome"]].to_numpy().tolist()[0] == ["chunk", 2, "relayed"]
    (drawn,) = [step for step in log.ladder("bar").steps if step.record.seq == relayed["seq"]]
    assert drawn.label == "chunk · 2 B"
    assert '"base64": "AP8="' in log.ladder("bar").payload(relayed["seq"]).text
    copied = [json.loads(line) for line in shared_copy(*find_segments(tmp_path / "state").segments).splitlines()]
    (shared,) = [line for line in copied if line["type"] == "signal.relayed"]
    assert (shared["kind"], shared["bytes"], json.loads(shared["data"])) == ("chunk", 2, {"base64": ""})
