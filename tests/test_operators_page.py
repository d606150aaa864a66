"""The commands in `sidecar/OPERATORS.md` work, and the statements that are tested here are true."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.settings import Sources
from tests.kit.checkout import ROOT
from tests.kit.deployment import DEPLOY, cluster_compose, compose
from tests.kit.metrics import metrics_of, named_metrics
from tests.kit.readme import FENCE, OPERATORS, commands_in
from tests.kit.receiving import receive_json
from tests.kit.serving import Served
from tests.kit.sidecar_command import serving

PAGE = OPERATORS.read_text("utf-8")
COMMANDS = commands_in(PAGE)
NEEDS_DOCKER = [command for command in COMMANDS if re.match("docker |curl ", command)]
NEEDS_SYSTEMD = [command for command in COMMANDS if command.startswith("systemctl ")]
INSTALLS = [command for command in COMMANDS if re.match("python3 -m venv|/opt/.*/pip install", command)]
"""These commands are like the steps of the Dockerfile, which `test_deployment.py` runs."""
OF_DOCKER = COMMANDS[: COMMANDS.index("chmod 400 .env auth_token.txt") + 1]
OF_DOCKER_CLUSTER = [command for command in COMMANDS if "REDIS_PASSWORD" in command]
OF_SYSTEMD = [command for command in COMMANDS if command.startswith(("install ", "(umask "))]
OF_SYSTEMD_CLUSTER = [command for command in COMMANDS if command.startswith("echo ")]
OF_BACKUPS = [command for command in COMMANDS if "tar " in command]


def shell(command: str, folder: Path) -> int:
    return subprocess.run(["bash", "-euc", command], cwd=folder, check=False).returncode


def test_each_command_of_the_page_is_run_or_needs_docker_or_systemd() -> None:
    tried = [*OF_DOCKER, *OF_DOCKER_CLUSTER, *OF_SYSTEMD, *OF_SYSTEMD_CLUSTER, *OF_BACKUPS]
    assert sorted(COMMANDS) == sorted([*NEEDS_DOCKER, *NEEDS_SYSTEMD, *INSTALLS, *tried])
    assert min(map(len, (NEEDS_DOCKER, NEEDS_SYSTEMD, INSTALLS, OF_SYSTEMD, OF_BACKUPS))) >= 2


def test_an_upgrade_with_docker_compose_replaces_one_sidecar_and_nothing_else() -> None:
    """Compose also replaces the services that depend on a replaced one, unless the command names a service."""
    sections = re.findall(r"^#+ Upgrade .*?(?=^#)", PAGE, flags=re.MULTILINE | re.DOTALL)
    upgrades = [command.split(" up ")[1] for each in sections for command in commands_in(each) if " up " in command]
    assert [options.split()[-1] for options in upgrades] == ["sidecar", "sidecar", "sidecar-2"]


def test_the_commands_before_docker_make_what_compose_needs(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "sidecar" / "deploy")
    cannot = [] if os.geteuid() == 0 else [command for command in OF_DOCKER if command.startswith("chown")]
    assert shell("\n".join(command for command in OF_DOCKER if command not in cannot), tmp_path) == 0
    folder = tmp_path / "sidecar" / "deploy"
    values = values_of(folder / ".env")
    assert len(values["TURN_SECRET"]) == len((folder / "auth_token.txt").read_text().strip()) == 64
    environment = compose(**values)["services"]["sidecar"]["environment"]
    environment["SIDECAR_AUTH_TOKEN_FILE"] = str(folder / "auth_token.txt")
    assert Sources({}, environment, None, tuple(DIALECTS)).load().allow_host == ("signal.example.com",)
    (command,) = OF_DOCKER_CLUSTER
    assert shell(command, folder) == 0
    values = values_of(folder / ".env")
    environment |= cluster_compose(**values)["services"]["sidecar"]["environment"]
    environment["SIDECAR_AUTH_TOKEN_FILE"] = str(folder / "auth_token.txt")
    settings = Sources({}, environment, None, tuple(DIALECTS)).load()
    assert (settings.cluster, len(settings.cluster_password or "")) == ("redis://redis:6379/0", 64)


def values_of(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_commands_for_systemd_make_a_valid_configuration(tmp_path: Path) -> None:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    for command in OF_SYSTEMD:
        assert shell(command.replace(" /etc/", f" {tmp_path}/etc/"), ROOT) == 0, command
    assert {path.name for path in (tmp_path / "etc/systemd/system").iterdir()} == {
        "signaling-sidecar.service",
        "signaling-sidecar.socket",
    }
    secrets = tmp_path / "etc/signaling-sidecar/secrets.env"
    assert secrets.stat().st_mode & 0o077 == 0
    variables = values_of(secrets)
    file = tmp_path / "etc/signaling-sidecar/sidecar.toml"
    settings = Sources({}, {**variables, "SIDECAR_PROJECT": str(tmp_path)}, file, tuple(DIALECTS)).load()
    assert (settings.auth, settings.trusted_proxies, settings.cluster) == ("token", ("127.0.0.1/32",), None)
    (tmp_path / "redis-password").write_text("sesame\n")
    for command in OF_SYSTEMD_CLUSTER:
        assert shell(command.replace(" /etc/", f" {tmp_path}/etc/"), tmp_path) == 0, command
    environment = {**values_of(secrets), "SIDECAR_PROJECT": str(tmp_path)}
    settings = Sources({}, environment, file, tuple(DIALECTS)).load()
    assert (settings.cluster, settings.cluster_password) == ("redis://10.0.0.5:6379/0", "sesame")


async def join(url: str, **more: Any) -> dict[str, Any]:
    """Join a room, lose the connection so that the session is kept, and return the answer to the join."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/signaling") as socket:
        await socket.send_json({"type": "join", "roomId": "bar", "peerId": "ann", "instance": "page", **more})
        answer: dict[str, Any] = await receive_json(socket)
        await socket.close(code=4999)
        return answer


def test_a_copy_of_a_running_sidecars_folder_is_a_backup(tmp_path: Path) -> None:
    with serving(tmp_path / "state") as sidecar:
        listed = asyncio.run(join(sidecar.ready["url"], resume=True))
        copy, unpack = OF_BACKUPS
        assert shell(copy, tmp_path) in (0, 1)
        sidecar.stop()
    shutil.rmtree(tmp_path / "state")
    assert shell(unpack, tmp_path) == 0
    assert not (tmp_path / "restored" / "runtime.json").exists()
    with serving(tmp_path / "restored") as sidecar:
        token = {"token": listed["resume"]["token"], "after": 0}
        resumed = asyncio.run(join(sidecar.ready["url"], resume=token))
        sidecar.stop()
    assert (resumed["type"], resumed["peerId"]) == ("resumed", "ann")


async def test_the_page_names_all_metrics(served: Served) -> None:
    """tests/cluster/test_metrics.py tests the metrics of a cluster, and that the page names no unknown metric."""
    there = {name for name in await metrics_of(served) if name.startswith("signaling_")}
    assert there - named_metrics() == {"signaling_build_info"}


def test_the_configuration_of_prometheus_is_yaml() -> None:
    (text,) = (fence["code"] for fence in FENCE.finditer(PAGE) if fence["name"] == "prometheus.yml")
    assert yaml.safe_load(text)["scrape_configs"][0]["job_name"] == "signaling"
