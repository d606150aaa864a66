"""The Dockerfile and `compose.yaml`. There is no Docker here, so what they say is checked, and their steps are run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.settings import Settings, Sources, all_settings
from tests.kit.checkout import ROOT
from tests.kit.deployment import DEPLOY, compose, image_environment, instructions, tool
from tests.kit.sidecar_command import PATIENCE_S, Serving

DOT_ENV = {"DOMAIN": "signal.example.com", "APP_ORIGIN": "https://app.example.com", "TURN_SECRET": "hush-hush"}


def container_environment(folder: Path) -> dict[str, str]:
    """The sidecar's variables in the container of `compose.yaml`, with the paths of the container below a folder."""
    set_ = image_environment() | compose(**DOT_ENV)["services"]["sidecar"]["environment"]
    return {name: str(folder) + value if value.startswith("/") else value for name, value in set_.items()}


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """The folders and the secret that the sidecar finds in its container."""
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


def test_compose_refers_only_to_what_it_defines_and_mounts_no_secret_into_an_image() -> None:
    file = compose(**DOT_ENV)
    for service in file["services"].values():
        assert set(service.get("networks", [])) <= set(file["networks"])
        assert set(service.get("secrets", [])) <= set(file["secrets"])
        assert {each["source"] for each in service.get("configs", [])} <= set(file["configs"])
        assert set(service.get("depends_on", {})) <= set(file["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith("./") else source in file["volumes"]
    assert "ports" not in file["services"]["sidecar"]  # only Caddy can reach it
    (subnet,) = (each["subnet"] for each in file["networks"]["inside"]["ipam"]["config"])
    assert file["services"]["sidecar"]["environment"]["SIDECAR_TRUSTED_PROXIES"] == subnet
    turn = file["configs"]["turnserver"]["content"]
    assert f"static-auth-secret={DOT_ENV['TURN_SECRET']}\n" in turn
    assert (DEPLOY / file["services"]["sidecar"]["build"]["context"]).resolve() == ROOT


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
            step = rest.replace("/opt/", f"{container}/opt/").replace("python -m", f"{sys.executable} -m")
            without_compiling = {**os.environ, "PIP_NO_COMPILE": "1"}  # most modules are never imported
            subprocess.run(["sh", "-c", f"{step} --quiet --quiet"], cwd=source, env=without_compiling, check=True)
    (entry,) = (json.loads(rest)[0] for name, rest in instructions() if name == "ENTRYPOINT")
    (command,) = (json.loads(rest) for name, rest in instructions() if name == "CMD")
    (health,) = (json.loads(rest.partition("CMD ")[2]) for name, rest in instructions() if name == "HEALTHCHECK")
    process = subprocess.Popen(
        [f"{container}{entry}", *command, "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=container / "config",
        env={"PATH": os.defpath, "HOME": f"{container}/nowhere", **container_environment(container)},
    )
    before = sorted(installed.rglob("*"))
    with process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        check = [f"{container}{health[0]}", *(word.replace("8765", str(ready["port"])) for word in health[1:])]
        subprocess.run(check, timeout=PATIENCE_S, check=True)
        code, errors = Serving(process, ready).stop()
    assert code == 0
    assert [json.loads(line)["code"] for line in errors.splitlines()] == ["serving"]
    assert not (container / "nowhere").exists()
    assert list((container / "config").iterdir()) == []
    assert sorted(installed.rglob("*")) == before
