"""If a sidecar cannot use the Redis server in its settings, it does not start, and one sentence says why."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from redis import Redis, connection

from signaling_sidecar.server import Sidecar
from signaling_sidecar.settings import Settings
from tests.kit.certificate import create_certificate, host_name
from tests.kit.clustered import serve_cluster, serve_instance
from tests.kit.free_port import free_port
from tests.kit.redis_server import RedisServer, running_redis, skip_without_redis
from tests.kit.serving import Served
from tests.kit.sidecar_command import run_here, serving

PASSWORD = "hush-hush"
CANNOT_BE_USED = "the Redis server of the cluster cannot be used"


def refused(folder: Path, url: str, **environment: str) -> str:
    """Start a sidecar, which must fail, and return the sentence that it prints."""
    done = run_here("serve", "--port", "0", "--state-dir", str(folder / "state"), "--cluster", url, **environment)
    may_start_later = CANNOT_BE_USED in done.stderr  # otherwise, a setting must be corrected first
    assert (done.returncode, done.stdout) == (4 if may_start_later else 2, "")
    sentence = done.stderr.removesuffix("\n").removeprefix("sidecar: ")
    assert "\n" not in sentence
    assert PASSWORD not in sentence
    return sentence


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:6379", "http://localhost:6379"),
        ("redis://", "redis://"),
        ("unix://", "unix://"),
        ("redis://localhost:x", "redis://localhost:x"),
        ("redis://localhost:99999", "redis://localhost:99999"),
        ("redis://localhost:6379/x", "redis://localhost:6379/x"),
        (f"redis://:{PASSWORD}@localhost:6379/0", "redis://***@localhost:6379/0"),
        (f"redis://me:{PASSWORD}@localhost:6379/0", "redis://***@localhost:6379/0"),
        (f"http://me:{PASSWORD}@localhost", "http://***@localhost"),
        (f"redis://localhost/0?password={PASSWORD}", "redis://localhost/0?***"),
        ("redis://localhost/0?decode_responses=1", "redis://localhost/0?***"),
        ("redis://localhost/0?ssl_ca_certs=file", "redis://localhost/0?***"),
        ("rediss://localhost/0?db=1", "rediss://localhost/0?***"),
    ],
)
def test_a_url_that_cannot_be_used_is_shown_without_the_password_in_it(tmp_path: Path, url: str, shown: str) -> None:
    sentence = refused(tmp_path, url)
    assert sentence.startswith("cluster must be a URL such as redis://host:6379/0")
    assert sentence.endswith(f"which belongs into SIDECAR_CLUSTER_PASSWORD, not '{shown}' (from --cluster)")


def test_a_number_in_the_settings_file_is_no_url(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("cluster = 6379\n")
    done = run_here("serve", "--project", str(tmp_path))
    assert done.returncode == 2
    assert "not 6379 (from " in done.stderr


def test_no_server_listens(tmp_path: Path) -> None:
    assert refused(tmp_path, "redis://127.0.0.1:1/0") == (
        f"{CANNOT_BE_USED} (Error 111 connecting to 127.0.0.1:1. Connection refused): check --cluster and "
        "SIDECAR_CLUSTER_PASSWORD"
    )
    assert CANNOT_BE_USED in refused(tmp_path, f"unix://{tmp_path}/no-socket")


def test_the_password_is_missing_or_wrong(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", "--requirepass", "another") as server:
        assert "(it requires a password)" in refused(tmp_path, server.url)
        sentence = refused(tmp_path, server.url, SIDECAR_CLUSTER_PASSWORD=PASSWORD)
        assert "(it does not accept the password)" in sentence


@pytest.mark.skipif(connection.DEFAULT_RESP_VERSION < 3, reason="older versions of redis-py do not send HELLO")
def test_the_server_is_too_old(tmp_path: Path) -> None:
    """Redis servers before version 6 do not have the command HELLO."""
    with running_redis(tmp_path / "redis", "--rename-command", "HELLO", "") as server:
        sentence = refused(tmp_path, server.url)
        assert "(its version is 5 or older, and version 6.2 or a later one is needed)" in sentence


def test_the_server_is_a_node_of_a_redis_cluster(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", "--cluster-enabled", "yes") as server:
        assert "(it is a node of a Redis Cluster, and only a single server can be used)" in refused(
            tmp_path, server.url
        )


def test_the_server_is_a_sentinel(tmp_path: Path) -> None:
    skip_without_redis()
    (tmp_path / "sentinel.conf").touch()
    command = ["redis-server", tmp_path / "sentinel.conf", "--sentinel", "--port", str(port := free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("Sentinel ID is" in line for line in process.stdout)
        sentence = refused(tmp_path, f"redis://127.0.0.1:{port}/0")
        process.kill()
    assert "(it is a Sentinel, and the URL must name the server itself or a proxy that forwards to it)" in sentence


def test_the_server_lacks_a_command_whose_arguments_are_secret(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", "--rename-command", "EVALSHA", "") as server:
        assert re.search(r"\(unknown command .EVALSHA.\)", refused(tmp_path, server.url))


def test_a_server_is_asked_only_what_redis_6_understands(tmp_path: Path, redis: RedisServer) -> None:
    """Before version 7, INFO accepts only one section."""
    with Redis(port=redis.port) as client, client.monitor() as monitor:
        with serving(tmp_path / "state", "--cluster", redis.url) as sidecar:
            sidecar.stop()
        asked = next(told["command"] for told in monitor.listen() if told["command"].startswith("INFO"))
    assert len(asked.split()) <= 2


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rediss://127.0.0.1:{encrypted}/0", "its certificate is not accepted: self-signed certificate; the query of"),
        ("rediss://127.0.0.1:{encrypted}/0?ssl_ca_certs={another}", "its certificate is not accepted: self-signed"),
        ("rediss://localhost:{encrypted}/0?ssl_ca_certs={own}", "its certificate is not accepted: Hostname mismatch"),
        ("rediss://127.0.0.1:{encrypted}/0?ssl_ca_certs=nowhere", "names cannot be read: No such file or directory"),
        (
            "rediss://127.0.0.1:{plain}/0",
            "there is no answer within 5 s: if the server does not encrypt, the URL must begin",
        ),
        ("redis://127.0.0.1:{encrypted}/0", "it closed the connection: if it expects encryption, the URL must begin"),
    ],
)
def test_the_connection_cannot_be_encrypted(
    tmp_path: Path, encrypting_redis: RedisServer, certificate: Path, url: str, reason: str
) -> None:
    another = create_certificate(tmp_path / "another.pem", host_name("redis.example"))
    ports = {"plain": encrypting_redis.port, "encrypted": encrypting_redis.encrypted_port}
    assert reason in refused(tmp_path, url.format(**ports, own=certificate, another=another))


def test_the_database_does_not_exist(tmp_path: Path, redis: RedisServer) -> None:
    assert "(DB index is out of range)" in refused(tmp_path, redis.url.replace("/0", "/99"))


def test_the_extra_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    assert refused(tmp_path, "redis://127.0.0.1:1/0") == (
        "a cluster needs packages that are not installed: pip install 'signaling-sidecar[cluster]'"
    )


def test_a_server_that_deletes_keys_when_its_memory_is_full_causes_a_warning(tmp_path: Path) -> None:
    with (
        running_redis(tmp_path / "redis", "--maxmemory-policy", "allkeys-lru") as server,
        serving(tmp_path / "state", "--cluster", server.url) as sidecar,
    ):
        code, errors = sidecar.stop()
    assert code == 0
    assert re.search("maxmemory-policy is allkeys-lru.* set it to noeviction", errors)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sidecar_stops_soon_while_redis_does_not_answer(tmp_path: Path, number: int) -> None:
    flags = ["--cluster-lease-s", "1", "--drain-s", "1"]
    with (
        running_redis(tmp_path / "redis") as server,
        serving(tmp_path / "state", "--cluster", server.url, *flags) as sidecar,
    ):
        server.send(signal.SIGSTOP)
        code, errors = sidecar.stop(number)
    assert code == 0
    assert "Traceback" not in errors
    assert "Redis does not answer: the other sidecars of the cluster treat this one as gone" in errors


async def test_a_sidecar_has_the_log_of_its_cluster_when_it_is_ready(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    for folder in (tmp_path / "founder", tmp_path / "second"):
        served = await serve_instance(aiohttp_client, folder, redis.url)
        assert served.records("log.checkpoint")


async def test_a_sidecar_alone_does_not_restore_the_rooms_of_a_cluster(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The cluster may still run, with newer states of these rooms."""
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    await (await served.connect()).join("ann")
    await served.settled()
    folder = served.owner.sidecar.state_dir
    await served.stop()
    alone = Served(await aiohttp_client((sidecar := Sidecar(Settings(state_dir=folder))).app()), sidecar)
    assert list((await alone.sidecar.rooms.hub()).membership.rooms) == []
    assert "was part of a cluster: its rooms are not restored, because the cluster may still have them" in caplog.text
    await (await alone.connect()).join("ben")
    await alone.stop()
    caplog.clear()
    again = Served(await aiohttp_client((sidecar := Sidecar(Settings(state_dir=folder))).app()), sidecar)
    [room] = (await again.sidecar.rooms.hub()).membership.rooms
    assert [*room.sessions] == ["ben"]
    assert "cluster" not in caplog.text
