"""A pairing code is never written in clear text to a file of the state folder or to the terminal."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.answering import answering
from tests.kit.pairing_client import CANONICAL, device, pair, register
from tests.kit.serving import Peer, Served, serve
from tests.kit.sidecar_command import Serving, serving

CODES = ("ABC234", "XYZ789", "MNP555", "GUESS1", 'quo"te\\é')


def written(state_dir: Path) -> str:
    """Return the content of all files in the state folder, with decompressed segments."""
    segments = b"".join(whole_lines(segment) for segment in find_segments(state_dir).segments)
    others = [path.read_bytes() for path in state_dir.rglob("*") if path.is_file() and ".jsonl" not in path.name]
    return b"".join([segments, *others]).decode("utf-8", "replace")


def records(state_dir: Path) -> list[dict[str, Any]]:
    segments = find_segments(state_dir).segments
    return [json.loads(line) for segment in segments for line in whole_lines(segment).splitlines()]


def decoded(state_dir: Path) -> str:
    """Return the content of all records, with their strings decoded from JSON."""
    found = [{**record, "data": json.loads(record.get("data") or "null")} for record in records(state_dir)]
    return json.dumps(found, ensure_ascii=False) + "".join(_strings(found))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in items for text in _strings(item)]


@asynccontextmanager
async def client_of(sidecar: Serving) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(sidecar.ready["url"]) as session:
        yield session


async def play_the_story(session: aiohttp.ClientSession) -> None:
    """Send all kinds of frames, and cause every kind of refusal, with codes in every field in which a client may send
    one."""

    async def settled() -> None:
        async with session.get("/health") as answer:
            await answer.read()

    async def connect(path: str = CANONICAL) -> Peer:
        return Peer(await session.ws_connect(path), settled)

    a, b, c, d = [await connect() for _ in range(4)]
    for peer, partner, code in ((a, None, "ABC234"), (b, a, "ABC234"), (c, None, "XYZ789"), (d, c, "XYZ789")):
        await peer.ask(register(code, publicKey=f"key of {code}"))
        if partner is not None:
            await partner.receive()
    for number in range(20):  # enough to fill some segments, each with its checkpoint
        payload = {"sdp": "v=0", "code": "ABC234", "deep": [f"my code: ABC234!{number}", {"ABC234": "key"}]}
        await b.send({"type": "offer", "target": "ABC234", "payload": payload, "pairingCode": "ABC234"})
        assert (await a.receive())["payload"] == payload
    async with answering(a, b, d):
        await c.ask(register("ABC234"))
    for refused in (
        {"type": "offer", "target": "GUESS1", "payload": "GUESS1"},
        {"type": "offer", "target": "ABC234"},
        {"type": "dance", "pairingCode": "ABC234"},
        {"type": "register", "pairingCode": ["GUESS1"]},
        {"type": "register", "pairingCode": {"GUESS1": "GUESS1"}},
        '{"type":"register","pairingCode":"GUESS1"',
        "GUESS1",
    ):
        await c.ask(refused)
    await b.ask(register("MNP555"))
    await a.receive()
    await b.ask(register('quo"te\\é'))
    await (await connect()).ask(register('quo"te\\é'))
    await b.receive()
    await b.send({"type": "offer", "payload": 'said quo"te\\é twice'})
    await b.socket.close()
    first = await connect("/ws")
    await first.send({"type": "GUESS1"})
    await first.closed()
    root = await connect("/")
    await root.ask({"type": "offer", "target": "GUESS1", "payload": "GUESS1"})
    async with session.get("/", params={"pairingCode": "GUESS1"}) as answer:
        await answer.read()
    await (await connect(f"{CANONICAL}?pairingCode=GUESS1")).ask(register("ABC234"))


@pytest.mark.parametrize("flags", [[], ["--pairing-cross-code"], ["--payloads", "summary"]], ids=str)
async def test_no_code_is_written_to_a_file_or_the_terminal(tmp_path: Path, flags: list[str]) -> None:
    with serving(tmp_path, "--log-segment-bytes", "1024", *flags) as sidecar:
        async with client_of(sidecar) as session:
            await play_the_story(session)
        while_it_ran = written(tmp_path)
        assert "http://127.0.0.1" in while_it_ran  # runtime.json is among them
        sidecar.process.terminate()
        shown, errors = await asyncio.to_thread(sidecar.process.communicate, timeout=20)
    assert sidecar.process.returncode == 0
    assert len(find_segments(tmp_path).segments) > 3
    for text in (while_it_ran, written(tmp_path), decoded(tmp_path), shown, errors):
        assert not [code for code in CODES if code in text]


async def test_the_key_is_private_and_generated_once(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        await (await serve(aiohttp_client, tmp_path)).stop()
        assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
        keys.append((tmp_path / "key").read_bytes())
    assert keys[0] == keys[1]
    assert len(keys[0]) >= 16


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Served:
    caplog.set_level("DEBUG")
    return await serve(aiohttp_client, tmp_path)


async def test_log_messages_contain_no_code(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    await pair(served, "ABC234")
    impatient = await served.connect(CANONICAL)
    await impatient.send({"type": "offer", "target": "ABC234", "payload": "ABC234"})
    astray = await served.connect(CANONICAL)
    await astray.send({"type": "subscribe", "topics": ["ABC234"]})
    await served.settled()
    assert "a client at the path of pairing sends" in caplog.text
    assert "ABC234" not in caplog.text


async def test_a_code_has_the_same_keyed_hash_in_all_records(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    await b.ask({"type": "offer"})
    await b.send({"type": "offer", "payload": 1})
    await a.receive()
    await b.socket.close()
    await a.receive()
    await device(served, "ABC234", a)
    await device(served, "XYZ789")
    found = [record for record in served.records() if record.get("dialect") == "pairing" and "room" in record]
    hashes = list(dict.fromkeys(record["room"] for record in found))
    assert len(hashes) == 2
    assert all(re.fullmatch(r"[0-9a-f]{16}", each) for each in hashes)
    types = {record["type"] for record in found if record["room"] == hashes[0]}
    assert {"room.created", "peer.joined", "signal.relayed", "signal.refused", "peer.left"} <= types
    for algorithm in ("sha256", "sha1", "md5", "blake2b"):
        assert hashlib.new(algorithm, b"ABC234").hexdigest()[:16] not in hashes


async def test_the_hash_is_the_same_after_a_restart_and_different_in_another_state_folder(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    hashes = []
    for folder in ("here", "here", "elsewhere"):
        served = await serve(aiohttp_client, tmp_path / folder)
        await device(served, "ABC234")
        hashes.append(served.records("peer.joined")[-1]["room"])
        await served.stop()
    assert hashes[0] == hashes[1] != hashes[2]


async def test_a_relay_is_recorded_with_its_type_and_payload(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    await b.send({"type": "offer", "target": "ABC234", "payload": {"sdp": "v=0"}})
    await a.receive()
    (record,) = served.records("signal.relayed")
    assert record["data"] == {"type": "offer", "payload": {"sdp": "v=0"}}
    assert record["kind"] == "offer"


async def test_a_code_in_another_field_is_not_recorded(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    assert (await b.ask({"type": "ABC234"}))["type"] == "error"
    assert "ABC234" not in written(served.sidecar.state_dir)
    await b.socket.close(code=4000, message=b"goodbye ABC234")
    await a.receive()
    assert "ABC234" not in written(served.sidecar.state_dir)


async def test_the_code_of_a_caller_in_its_frames_is_not_recorded(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, pairing_cross_code=True)
    caller, called = await device(served, "XXX111"), await device(served, "YYY222")
    await caller.send({"type": "offer", "target": "YYY222", "payload": {"sdp": "v=0", "callMeBack": "XXX111"}})
    assert (await called.receive())["payload"]["callMeBack"] == "XXX111"
    await caller.send({"type": "ice_candidate", "target": "YYY222", "payload": {"from": "XXX111"}})
    await called.receive()
    await called.send({"type": "answer", "target": "YYY222", "payload": {"to": "XXX111"}})
    await caller.receive()
    assert not [code for code in ("XXX111", "YYY222") if code in written(served.sidecar.state_dir)]


@pytest.mark.parametrize(
    "payload",
    [
        r'{"x":"\u0041BC234"}',
        r'"ABC\u00323\u0034"',
        r'{"ABC23\u0034":1}',
        r'["{\"code\":\"ABC234\"}"]',
        r'"[\"\\u0041BC234\"]"',
    ],
)
async def test_a_code_that_is_written_with_escapes_is_not_recorded(served: Served, payload: str) -> None:
    a, b = await pair(served, "ABC234")
    await b.send(f'{{"type":"offer","payload":{payload}}}')
    assert (await a.receive())["payload"] == json.loads(payload)
    assert "ABC234" not in decoded(served.sidecar.state_dir)


@pytest.mark.parametrize("code", ["e", "type", '"', "\\", "{", "1", "peer", " ", "null"])
async def test_a_code_that_is_part_of_many_words_damages_neither_a_relay_nor_the_log(served: Served, code: str) -> None:
    payload = {"sdp": 'v=0\r\n"{11}"', "candidate": None, "n": 1, "type": "peer"}
    a, b = await pair(served, code)
    await b.send({"type": "offer", "target": code, "payload": payload})
    assert await a.receive() == {"type": "offer", "from": code, "payload": payload}
    (record,) = served.records("signal.relayed")
    assert record["kind"] == "offer"
