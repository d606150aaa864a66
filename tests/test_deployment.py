"""The Dockerfile and `compose.yaml`.

The tests do not use Docker: they check the content of both files, and run the steps of the Dockerfile. Continuous
integration builds and runs the containers (`.github/workflows/ci.yml`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
import redis

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.settings import Settings, Sources, all_settings
from tests.kit.checkout import ROOT
from tests.kit.deployment import DEPLOY, cluster_compose, compose, image_environment, instructions, tool
from tests.kit.free_port import free_port
from tests.kit.programs import until
from tests.kit.redis_server import skip_without_redis
from tests.kit.sidecar_command import PATIENCE_S, Serving, serving

DOT_ENV = {
    "DOMAIN": "signal.example.com",
    "APP_ORIGIN": "https://app.example.com",
    "TURN_SECRET": "hush-hush",
    "REDIS_PASSWORD": "sesame",
}


def container_environment(folder: Path) -> dict[str, str]:
    """The environment variables of the sidecar in `compose.yaml`. The container's paths are below this folder."""
    set_ = image_environment() | compose(**DOT_ENV)["services"]["sidecar"]["environment"]
    return {name: str(folder) + value if value.startswith("/") else value for name, value in set_.items()}


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """A folder with the folders and the secret that the sidecar has in its container."""
    for name in ("state", "config", "run/secrets"):
        (tmp_path / name).mkdir(parents=True)
    secret = tmp_path / "run/secrets/auth_token"
    secret.write_text(64 * "a" + "\n")
    secret.chmod(0o400)
    return tmp_path


def test_hadolint_accepts_the_dockerfile() -> None:
    done = subprocess.run([tool("hadolint"), DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_all_variables_are_settings_and_all_their_values_are_valid(container: Path) -> None:
    environment = container_environment(container)
    names = {f"SIDECAR_{each.name.upper()}" for each, _ in all_settings()}
    assert {name for name in environment if name.startswith("SIDECAR_")} <= names
    settings = Sources({}, environment, None, tuple(DIALECTS)).load()
    assert settings.state_dir == container / "state"
    assert settings.allow_host == ("signal.example.com",)
    assert settings.ice_servers == ("stun:signal.example.com:3478", "turn:signal.example.com:3478")


def test_the_image_runs_as_nobody_and_is_stopped_with_the_signal_that_drains() -> None:
    found = dict(instructions())
    assert found["USER"] == "10001:10001"
    assert found["STOPSIGNAL"] == "SIGTERM"
    assert found["VOLUME"] == image_environment()["SIDECAR_STATE_DIR"]
    assert int(found["EXPOSE"]) == Settings().port
    assert float(image_environment()["SIDECAR_DRAIN_S"]) + 10 < 30
    assert compose(**DOT_ENV)["services"]["sidecar"]["stop_grace_period"] == "30s"


@pytest.mark.parametrize("read", [compose, cluster_compose])
def test_compose_refers_only_to_what_it_defines_and_mounts_no_secret_into_an_image(read: Callable[..., Any]) -> None:
    file = read(**DOT_ENV)
    for service in file["services"].values():
        assert set(service.get("networks", [])) <= set(file["networks"])
        assert set(service.get("secrets", [])) <= set(file["secrets"])
        assert {each["source"] for each in service.get("configs", [])} <= set(file["configs"])
        assert set(service.get("depends_on", {})) <= set(file["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith("./") else source in file["volumes"]
    assert {name for name, service in file["services"].items() if "ports" in service} == {"caddy"}
    (subnet,) = (each["subnet"] for each in file["networks"]["inside"]["ipam"]["config"])
    for service in (each for name, each in file["services"].items() if name.startswith("sidecar")):
        assert service["environment"]["SIDECAR_TRUSTED_PROXIES"] == subnet
        assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
        assert service["stop_grace_period"] == "30s"
    turn = file["configs"]["turnserver"]["content"]
    assert f"static-auth-secret={DOT_ENV['TURN_SECRET']}\n" in turn


def test_compose_can_copy_each_configuration_into_its_container_and_every_user_can_read_it() -> None:
    services = [each for each in cluster_compose(**DOT_ENV)["services"].values() if "configs" in each]
    assert [file["mode"] for each in services for file in each["configs"]] == [0o444, 0o444]
    assert not any(each.get("read_only") for each in services)


def test_coturn_which_ignores_sigterm_as_process_1_is_not_process_1() -> None:
    assert compose(**DOT_ENV)["services"]["coturn"]["init"] is True


def test_the_sidecars_of_the_cluster_differ_only_in_their_folders() -> None:
    services = cluster_compose(**DOT_ENV)["services"]
    one, two = services["sidecar"], services["sidecar-2"]
    assert (one["volumes"], two["volumes"]) == (["state:/state"], ["state-2:/state"])
    assert {**one, "volumes": []} == {**two, "volumes": []}
    assert (one["networks"], services["redis"]["networks"]) == (["inside", "redis"], ["redis"])
    upstreams = re.search(r"\{\$SIDECARS:(.+)\}", (DEPLOY / "Caddyfile.cluster").read_text())
    assert upstreams is not None
    assert upstreams[1].split() == ["sidecar:8765", "sidecar-2:8765"]
    assert services["caddy"]["volumes"][0] == "./Caddyfile.cluster:/etc/caddy/Caddyfile:ro"


@contextmanager
def redis_of_the_cluster(folder: Path, *more: str) -> Iterator[int]:
    """Run the Redis server of the cluster until the block ends. Yields its port."""
    skip_without_redis()
    config, port = folder / "redis.conf", free_port()
    config.write_text(cluster_compose(**DOT_ENV)["configs"]["redis"]["content"])
    server = subprocess.Popen(
        ["redis-server", config, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *more],
        stdout=subprocess.DEVNULL,
    )
    with server:
        try:
            yield port
        finally:
            server.kill()


def is_healthy(port: int) -> bool:
    """Whether the health check of the Redis server succeeds."""
    service = cluster_compose(**DOT_ENV)["services"]["redis"]
    check = service["healthcheck"]["test"][1].replace("redis-cli", f"redis-cli -p {port}")
    return subprocess.run(["sh", "-c", check], env=os.environ | service["environment"], check=False).returncode == 0


async def test_the_redis_server_is_healthy_only_after_it_has_loaded_its_data(container: Path) -> None:
    password = DOT_ENV["REDIS_PASSWORD"]
    with redis_of_the_cluster(container) as port, redis.Redis(port=port, password=password) as client:
        await until(partial(is_healthy, port), "the Redis server is healthy", PATIENCE_S)
        client.eval("for number = 1, 20000 do redis.call('SET', number, number) end", 0)
    with redis_of_the_cluster(container, "--key-load-delay", "100") as port:
        await until(partial(is_healthy, port), "the Redis server is healthy", PATIENCE_S)
        with redis.Redis(port=port, password=password) as client:
            assert client.info("persistence")["loading"] == 0
            assert client.dbsize() == 20_000


def test_two_sidecars_work_with_the_redis_server_of_the_cluster(container: Path) -> None:
    with redis_of_the_cluster(container) as port, ExitStack() as stack:
        for name in ("sidecar", "sidecar-2"):
            variables = cluster_compose(**DOT_ENV)["services"][name]["environment"]
            password = {"SIDECAR_CLUSTER_PASSWORD": variables["SIDECAR_CLUSTER_PASSWORD"]}
            url = variables["SIDECAR_CLUSTER"].replace("redis:6379", f"127.0.0.1:{port}")
            stack.enter_context(serving(container / name, "--cluster", url, **password))
        with redis.Redis(port=port, password=DOT_ENV["REDIS_PASSWORD"]) as client:
            assert client.hlen("signaling-sidecar:instances") == 2
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert is_healthy(port)


def test_the_steps_of_the_dockerfile_make_a_sidecar_that_writes_only_into_its_volume(container: Path) -> None:
    source, installed = container / "source", container / "opt" / "signaling-sidecar"
    source.mkdir()
    for name, rest in instructions():
        *names, target = rest.split()
        if name == "COPY" and not rest.startswith("--"):
            for each in names:
                copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
                copy(ROOT / each, source / target / Path(each).name if target == "./" else source / target)
        elif name == "RUN" and "pip" in rest:
            step = rest.replace("/opt/", f"{container}/opt/").replace("python -m", f"{quote(sys.executable)} -m")
            without_compiling = {**os.environ, "PIP_NO_COMPILE": "1"}  # saves time
            subprocess.run(["sh", "-c", f"{step} --quiet --quiet"], cwd=source, env=without_compiling, check=True)
    (entry,) = (json.loads(rest)[0] for name, rest in instructions() if name == "ENTRYPOINT")
    (command,) = (json.loads(rest) for name, rest in instructions() if name == "CMD")
    (health,) = (json.loads(rest.partition("CMD ")[2]) for name, rest in instructions() if name == "HEALTHCHECK")
    environment = {"PATH": os.defpath, "HOME": f"{container}/nowhere", **container_environment(container)}
    process = subprocess.Popen(
        [f"{container}{entry}", *command, "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=container / "config",
        env=environment,
    )
    before = sorted(installed.rglob("*"))
    with process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        subprocess.run([f"{container}{health[0]}", *health[1:]], env=environment, timeout=PATIENCE_S, check=True)
        code, errors = Serving(process, ready).stop()
    assert health[-1].endswith("'/health')")  # with `/ready`, a drain would cause a restart
    assert code == 0
    assert [json.loads(line)["code"] for line in errors.splitlines()] == ["serving"]
    assert not (container / "nowhere").exists()
    assert list((container / "config").iterdir()) == []
    assert sorted(installed.rglob("*")) == before
