"""What a hook may return. Everything else causes a refusal, a record, and one line in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.hooks_file import hooked

PASS = ["None", "True"]
REFUSE = ["False", "''", "later(False)", "later(later(later(False)))"]
WRONG = ["0", "1", "[]", "{}", "object()", "b'no'", "3.5", "(word for word in 'no')", "later", "agen()", "later(7)"]
HELPERS = """
async def later(answer):
    return answer

async def agen():
    yield False
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("answer", PASS + REFUSE + WRONG)
async def test_only_none_and_true_let_a_peer_in(
    aiohttp_client: AiohttpClient, file: Path, kind: str, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = await hooked(aiohttp_client, file, f"{HELPERS}\n{kind} on_join(join):\n    return {answer}\n")
    got = await (await served.connect()).join("ann")
    assert (got["type"] == "peer_list") is (answer in PASS)
    assert len(served.records("hook.failed")) == (1 if answer in WRONG else 0)
    if answer in WRONG:
        (line,) = [record.getMessage() for record in caplog.records if "on_join" in record.getMessage()]
        assert "returned a value of type" in line
        assert "\n" not in line


async def test_return_values_of_the_other_hooks_are_checked_too(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "def admit(connection):\n    return None\ndef on_relay(relay):\n    return 7\n"
    served = await hooked(aiohttp_client, file, code)
    ann = await served.connect()
    await ann.join("ann")
    assert (await ann.ask({"type": "broadcast"}))["code"] == "refused-by-hook"
    assert [record["data"] for record in served.records("hook.failed")] == [
        {"hook": "on_relay", "error": "WrongHookAnswer"}
    ]


SENTENCES = {
    "'say your name'": "say your name",
    "'a\\x1b[2J\\nb'": "a\\x1b[2J\\nb",
    "'\\ud83d'": "\\ud83d",
    "'x' * 10_000_000": "x" * 500,
    "type('Text', (str,), {'__getitem__': lambda text, key: 1 / 0, '__str__': lambda text: 1 / 0})('no')": "no",
}


@pytest.mark.parametrize(("answer", "shown"), SENTENCES.items(), ids=range(len(SENTENCES)))
async def test_the_sentence_of_a_hook_is_shown_in_one_line(
    aiohttp_client: AiohttpClient, file: Path, answer: str, shown: str
) -> None:
    served = await hooked(aiohttp_client, file, f"def on_join(join):\n    return {answer}\n")
    got = await (await served.connect()).join("ann")
    assert (got["code"], got["message"]) == ("refused-by-hook", shown)
    assert served.refusals() == ["refused-by-hook"]
