"""The list of STUN and TURN servers that the sidecar sends to pages."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.settings import Settings
from tests.kit.serving import serve
from tests.kit.settings_file import following, save


async def test_no_ice_server_is_sent_unless_it_is_configured(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    peer = await (await serve(aiohttp_client, tmp_path)).connect()
    answer = await peer.join("ann")
    assert answer["type"] == "peer_list"
    assert "iceServers" not in answer


async def test_a_peer_list_contains_the_servers_with_a_password_for_its_receiver(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    urls = ("stun:stun.example", "turn:turn.example?transport=udp")
    served = await serve(aiohttp_client, tmp_path, ice_servers=urls, turn_secret="hush-hush", turn_password_s=3600.0)
    ann, ben = await served.connect(), await served.connect()
    before_ts = int(time.time())
    stun, turn = (await ann.join("ann"))["iceServers"]
    assert stun == {"urls": ["stun:stun.example"]}
    assert turn["urls"] == ["turn:turn.example?transport=udp"]
    good_until, peer = turn["username"].split(":")
    assert peer == "ann"
    assert before_ts + 3600 <= int(good_until) <= time.time() + 3600
    assert (await ben.join("ben"))["iceServers"][1]["credential"] != turn["credential"]


async def test_a_second_join_gets_a_new_password_without_leaving_the_resumable_session(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, ice_servers=("turn:t",), turn_secret="north")
    peer = await served.connect()
    first = await peer.join("ann", resume=True)
    await peer.send({"type": "update", "name": "Ann", "c": 1})
    again = await peer.join("ann", resume={"token": first["resume"]["token"]})
    assert (again["type"], again["ca"], again["s"]) == ("peer_list", 1, 0)
    assert again["iceServers"][0]["username"].endswith(":ann")


def test_a_password_is_the_same_as_coturn_computes() -> None:
    servers = IceServers(Settings(ice_servers=("turn:t",), turn_secret="north", turn_password_s=60.0))
    # Prints the credential: printf '1000000060:z%%C3%%AB%%3A1' | openssl dgst -sha1 -hmac north -binary | base64
    assert servers.for_peer("zë:1", 1_000_000_000.0) == msgspec.Raw(
        b'[{"urls":["turn:t"],"username":"1000000060:z%C3%AB%3A1","credential":"5ogxfiyHASC03/8ucgjPkY7coKo="}]'
    )


async def test_the_servers_can_change_while_it_runs(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    file = tmp_path / "sidecar.toml"
    served = await following(aiohttp_client, file)
    await save(served, file, 'ice_servers = ["stun:stun.example"]\n')
    peer = await served.connect()
    assert (await peer.join("ann"))["iceServers"] == [{"urls": ["stun:stun.example"]}]


async def test_neither_secret_nor_password_is_in_the_log(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, ice_servers=("turn:turn.example",), turn_secret="hush-hush")
    peer = await served.connect()
    turn = (await peer.join("ann"))["iceServers"][0]
    written = str(served.records())
    assert "ann" in written
    assert "hush-hush" not in written
    assert turn["credential"] not in written
