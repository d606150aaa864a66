"""Handshakes, frames and closes that violate RFC 6455, or that browsers do not send, over a plain TCP socket."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.sockets import connection, reader
from signaling_sidecar.server.sockets.connection import Connection
from signaling_sidecar.server.sockets.frame_check import MAX_FRAGMENTS
from signaling_sidecar.server.sockets.websocket import WebSocket
from tests.kit.hooks_file import hooked
from tests.kit.raw_socket import (
    BINARY,
    CLOSE,
    KEY,
    PING,
    PONG,
    TEXT,
    Handshake,
    closing,
    frame,
    raw_socket,
    raw_websocket,
)
from tests.kit.serving import Served

pytestmark = pytest.mark.usefixtures("way_of_reading")

PING_FRAME, PONG_FRAME = b'{"type":"ping"}', (TEXT, b'{"type":"pong"}')
CONTINUATION = 0x0
PROTOCOL_ERROR, INVALID_TEXT, TOO_LARGE = 1002, 1007, 1009


@pytest.fixture
def port(served: Served) -> int:
    found: int | None = served.client.port
    assert found is not None
    return found


HANDSHAKES = {
    "of another version": (Handshake(version="8"), 426),
    "of two versions": (Handshake(version="13, 8"), 426),
    "without a version": (Handshake(version=None), 426),
    "without a key": (Handshake(key=None), 400),
    "with a short key": (Handshake(key="YWJj"), 400),
    "with a key that is no base64": (Handshake(key="!" * 24), 400),
    "with a key that is not ASCII": (Handshake(key=KEY[:-1] + "\xe9"), 400),
    "with two keys": (Handshake(more=f"Sec-WebSocket-Key: {KEY}\r\n"), 400),
    "of HTTP/1.0": (Handshake(http="1.0"), 400),
    "with a body": (Handshake(more="Content-Length: 2\r\n"), 400),
    "by HEAD": (Handshake(method="HEAD"), 400),
}


@pytest.mark.parametrize(("handshake", "status"), HANDSHAKES.values(), ids=HANDSHAKES)
@pytest.mark.parametrize("path", ["/ws/signaling", "/ws", "/", "/ws/signaling/match?userId=u1"])
async def test_an_invalid_handshake_is_refused(port: int, path: str, handshake: Handshake, status: int) -> None:
    raw = await raw_socket(port)
    raw.send(bytes(handshake._replace(path=path)))
    head = await raw.head()
    assert f" {status} " in head
    if status == 426:
        assert "Sec-WebSocket-Version: 13" in head
    await raw.close()


async def test_the_first_subprotocol_that_is_offered_is_chosen(port: int, caplog: pytest.LogCaptureFixture) -> None:
    raw = await raw_socket(port)
    raw.send(bytes(Handshake(more="Sec-WebSocket-Protocol: json, chat\r\n")))
    assert "Sec-WebSocket-Protocol: json\r\n" in await raw.head()
    await raw.close()
    assert caplog.text == ""


async def test_frames_that_arrive_with_the_handshake_are_processed(port: int) -> None:
    raw = await raw_socket(port)
    raw.send(bytes(Handshake()) + frame(TEXT, PING_FRAME))
    assert "101" in await raw.head()
    assert await raw.frame() == PONG_FRAME
    await raw.close()


async def test_aiohttp_keeps_nothing_of_the_request_while_a_websocket_is_open(served: Served, port: int) -> None:
    raw = await raw_websocket(port)
    raw.send(frame(TEXT, PING_FRAME))
    assert await raw.frame() == PONG_FRAME
    runner = served.client.server.runner
    assert runner is not None
    assert runner.server is not None
    assert runner.server.connections == []
    await raw.close()


PING_WITHOUT_MASK = frame(PING, b"a", masked=False)


async def test_a_connection_that_has_ended_leaves_nothing_for_the_garbage_collector(served: Served, port: int) -> None:
    gc.collect()
    gc.disable()
    try:
        raw = await raw_websocket(port)
        raw.send(frame(TEXT, PING_FRAME))
        assert await raw.frame() == PONG_FRAME
        raw.send(closing(1000))
        await raw.rest()
        await raw.close()
        await served.settled()
        kept = [each for each in gc.get_objects() if isinstance(each, Connection | reader.Reader | WebSocket)]
        assert kept == []
    finally:
        gc.enable()


WRONG_FRAMES = {
    "a text without a mask": (frame(TEXT, PING_FRAME, masked=False), PROTOCOL_ERROR),
    "a ping without a mask": (PING_WITHOUT_MASK, PROTOCOL_ERROR),
    "a close without a mask": (frame(CLOSE, b"\x03\xe8", masked=False), PROTOCOL_ERROR),
    "the first reserved bit": (frame(TEXT, PING_FRAME, reserved=4), PROTOCOL_ERROR),
    "the last reserved bit": (frame(PING, reserved=1), PROTOCOL_ERROR),
    "an opcode for data that there is not": (frame(0x3, b"a"), PROTOCOL_ERROR),
    "an opcode for control that there is not": (frame(0xB), PROTOCOL_ERROR),
    "a ping that is too long": (frame(PING, b"p" * 126), PROTOCOL_ERROR),
    "a ping in fragments": (frame(PING, fin=False), PROTOCOL_ERROR),
    "a continuation of nothing": (frame(CONTINUATION, b"a"), PROTOCOL_ERROR),
    "a message in a message": (frame(TEXT, b"{", fin=False) + frame(TEXT, PING_FRAME), PROTOCOL_ERROR),
    "a message in an empty one": (frame(TEXT, fin=False) + frame(BINARY, b"a"), PROTOCOL_ERROR),
    "endless fragments": (frame(TEXT, fin=False) + MAX_FRAGMENTS * frame(0, fin=False), PROTOCOL_ERROR),
    "a text that is no UTF-8": (frame(TEXT, b'{"type":"\xff"}'), INVALID_TEXT),
    "half a UTF-16 pair": (frame(TEXT, b'{"type":"\xed\xa0\x80"}'), INVALID_TEXT),
    "UTF-8 that breaks off": (frame(TEXT, b'"\xc3', fin=False) + frame(0, b'"'), INVALID_TEXT),
    "a close with one byte": (frame(CLOSE, b"a"), PROTOCOL_ERROR),
    "a close whose reason is no UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), INVALID_TEXT),
    "a length that nobody could send": (b"\x81\xff" + b"\xff" * 8 + b"\0" * 4, TOO_LARGE),
} | {f"the close code {code}": (closing(code), PROTOCOL_ERROR) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)}


@pytest.mark.parametrize(("wrong", "code"), WRONG_FRAMES.values(), ids=WRONG_FRAMES)
@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
async def test_an_invalid_frame_closes_the_connection_after_the_valid_ones_were_processed(
    served: Served, port: int, wrong: bytes, code: int, cut: str
) -> None:
    raw = await raw_websocket(port)
    data = frame(TEXT, PING_FRAME) + wrong
    if cut == "whole" or len(data) > 1000:
        raw.send(data)
    else:
        for at in range(len(data)):
            raw.send(data[at : at + 1])
            await raw.writer.drain()
    assert await raw.frame() == PONG_FRAME
    assert await raw.frame() == (CLOSE, code.to_bytes(2))
    assert await raw.rest() == b""
    await raw.close()
    await served.settled()
    (closed,) = served.records("connection.closed")
    assert (closed["data"]["code"], closed["data"]["by"], closed["data"]["ending"]) == (code, "sidecar", "lost")


async def test_frames_after_an_invalid_one_are_not_processed_if_all_of_them_had_to_wait(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    """The frames arrive one by one while a hook checks an earlier frame."""
    code = "import asyncio\nfrom pathlib import Path\nasync def on_join(join):\n"
    code += f"    while not Path({str(tmp_path / 'allowed')!r}).exists():\n        await asyncio.sleep(0.01)\n"
    served = await hooked(aiohttp_client, tmp_path / "signaling_hooks.py", code)
    raw = await raw_websocket(served.client.port or 0)
    raw.send(frame(TEXT, b'{"type":"join","roomId":"bar","peerId":"ann"}'))
    for piece in (PING_WITHOUT_MASK, frame(TEXT, PING_FRAME), frame(PING, b"later")):
        await served.settled()  # wait until all earlier frames are read
        raw.send(piece)
    await served.settled()
    (tmp_path / "allowed").touch()
    assert b'"peer_list"' in (await raw.frame())[1]
    assert await raw.frame() == (CLOSE, PROTOCOL_ERROR.to_bytes(2))
    assert await raw.rest() == b""
    await raw.close()


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
async def test_a_close_with_a_valid_code_is_answered(served: Served, port: int, code: int) -> None:
    raw = await raw_websocket(port)
    raw.send(closing(code))
    assert await raw.close_code() == 1000
    assert await raw.rest() == b""
    await raw.close()
    await served.settled()
    assert served.records("connection.closed")[0]["data"]["code"] == code


async def test_a_client_whose_close_arrives_with_a_wrong_first_frame_is_told_what_was_wrong(port: int) -> None:
    raw = await raw_websocket(port, "/ws")
    raw.send(frame(TEXT, b"unknown") + closing(1000))
    assert await raw.close_code() == 1008
    await raw.close()


async def test_a_fragmented_message_with_pings_in_between_is_one_message(port: int) -> None:
    raw = await raw_websocket(port)
    first, last = PING_FRAME[:5], PING_FRAME[5:]
    raw.send(frame(TEXT, first, fin=False) + frame(PING, b"p" * 125) + frame(0, fin=False) + frame(0, last))
    assert await raw.frame() == (PONG, b"p" * 125)
    assert await raw.frame() == PONG_FRAME
    await raw.close()


async def test_a_close_that_comes_in_the_middle_of_a_large_frame_is_read(port: int) -> None:
    """The sidecar closes before the frame is complete.

    The rest of the frame must not cause a reset before the client has read the Close.
    """
    raw = await raw_websocket(port)
    raw.send(frame(TEXT, b"x" * 2_000_000))
    await raw.writer.drain()
    assert await raw.close_code() == TOO_LARGE
    await raw.close()


async def test_a_client_that_does_not_disconnect_after_a_close_is_disconnected(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "CLOSE_WITHIN_S", 0.05)
    raw = await raw_websocket(port)
    raw.send(frame(TEXT, b"\xff"))
    assert await raw.close_code() == INVALID_TEXT
    raw.send(frame(TEXT, PING_FRAME))
    assert await raw.rest() == b""
    await raw.close()


async def test_a_late_pong_does_not_keep_a_closed_connection_open(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(connection, "FIRST_FRAME_WITHIN_S", 0.1)
    monkeypatch.setattr(connection, "CLOSE_WITHIN_S", 0.2)
    raw = await raw_websocket(port)
    assert await raw.frame() == (PING, b"")
    assert await raw.close_code() == 1008
    raw.send(frame(PONG))
    assert await raw.rest() == b""
    await raw.close()
