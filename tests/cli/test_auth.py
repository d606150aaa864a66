"""`sidecar serve --auth` does not start if a setting is missing or wrong, and says in one sentence which."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.kit.sidecar_command import PYTHON_PATH, run_here

JWT = ("--auth", "jwt", "--jwt-algorithm", "ES256", "--jwt-audience", "signaling", "--jwt-key-file")


def refusal(tmp_path: Path, *flags: str, **environment: str) -> str:
    done = run_here("serve", "--port", "0", "--state-dir", str(tmp_path / "state"), *flags, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sidecar: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("missing", ["jwt", "cryptography"])
def test_json_web_tokens_need_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    module = import_module("signaling_sidecar.auth.verifier")
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == missing else find_spec(name))
    (tmp_path / "key").touch()
    assert refusal(tmp_path, *JWT, str(tmp_path / "key")) == (
        "sidecar: --auth jwt needs packages that are not installed: pip install 'signaling-sidecar[auth]'\n"
    )


@pytest.mark.parametrize("flags", [JWT, ("--auth", "token", "--auth-token-file")])
def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path, flags: tuple[str, ...]) -> None:
    sentence = refusal(tmp_path, *flags, str(tmp_path / "none"))
    setting = flags[-1].removeprefix("--").replace("-", "_")
    assert sentence == (
        f"sidecar: {setting} must be a readable file (No such file or directory), not '{tmp_path / 'none'}' "
        "(from settings)\n"
    )


def test_a_secret_is_neither_a_flag_nor_in_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text('auth = "token"\nauth_token = "0123456789abcdef0123456789abcdef"\n')
    sentence = refusal(tmp_path, "--project", str(tmp_path))
    assert "given in the environment, as SIDECAR_AUTH_TOKEN, not '***'" in sentence
    assert "0123456789" not in sentence
    assert run_here("serve", "--auth-token", "x" * 32).returncode == 2
    assert "--auth-token " not in run_here("serve", "--help").stdout


def test_a_file_with_a_secret_that_others_can_read_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 32)
    secret.chmod(0o644)
    (tmp_path / "state").touch()  # the state folder is a file, so the sidecar does not start
    refusal(tmp_path, "--auth", "token", "--auth-token-file", str(secret))
    assert f"every user of this machine can read the secret in {secret}" in caplog.text


def test_the_packages_of_the_extra_are_only_imported_for_json_web_tokens() -> None:
    code = """
import sys
import signaling_sidecar.server
from signaling_sidecar.auth import verifier
from signaling_sidecar.settings import Settings
verifier(Settings())
verifier(Settings(auth="token", auth_token="s" * 32))
assert not {"jwt", "cryptography"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | PYTHON_PATH)
