"""A sidecar that other machines can reach does not start unless its settings say who may connect."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from signaling_sidecar.cli.serve import Takeover
from signaling_sidecar.errors import UnprotectedHost
from signaling_sidecar.listening import listen
from signaling_sidecar.settings import Settings
from tests.kit.programs import start_program
from tests.kit.settings_file import write
from tests.kit.sidecar_command import PYTHON_PATH, run, run_here, serving

SECRET = "0123456789abcdef0123456789abcdef"
PROTECTED = {"auth": "token", "allow_host": ("team.example",), "allow_origin": ("https://team.example",)}
PROTECTED_FLAGS = ("--auth", "token", "--allow-host", "team.example", "--allow-origin", "https://team.example")
NEEDS_ALL = (
    "sidecar: other machines can reach the host '0.0.0.0', so auth (`token` or `jwt`), allow_host (the name in the URL "
    "by which browsers reach it) and allow_origin (the origin of the app's pages) must be set too; --insecure starts "
    "the sidecar anyway, and then strangers can read and send in every room\n"
)


@contextmanager
def own_address() -> Iterator[str]:
    """An address of this machine that other machines can use. Skips the test if this machine has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        yield probe.getsockname()[0]


def test_the_sentence_says_what_to_set(tmp_path: Path) -> None:
    done = run("serve", "--host", "0.0.0.0", "--port", "0", "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NEEDS_ALL)


def test_a_setting_in_the_file_is_refused_like_a_flag(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("host = '0.0.0.0'\nport = 0\n")
    done = run_here("serve", "--project", str(tmp_path), "--state-dir", str(tmp_path / "state"))
    assert (done.returncode, done.stderr) == (2, NEEDS_ALL)
    assert run_here("serve", "--state-dir", str(tmp_path), SIDECAR_HOST="0.0.0.0").stderr == NEEDS_ALL


@pytest.mark.parametrize("host", ["::", "0", "0.0.0.0"])
@pytest.mark.parametrize("missing", list(PROTECTED))
def test_each_of_the_three_settings_is_needed(host: str, missing: str) -> None:
    settings = Settings(host=host, port=0, **{name: value for name, value in PROTECTED.items() if name != missing})
    with pytest.raises(UnprotectedHost) as caught:
        listen(settings)
    assert caught.value.missing == (missing,)
    assert missing in str(caught.value)


def test_an_address_of_the_network_is_refused_and_one_of_this_machine_is_not() -> None:
    with own_address() as address, pytest.raises(UnprotectedHost):
        listen(Settings(host=address, port=0))
    for host in ("127.0.0.1", "127.9.9.9", "localhost"):
        listen(Settings(host=host, port=0)).close()


@pytest.mark.parametrize("address", ["10.0.0.7", "169.254.1.1", "fe80::1%lo", "fd00::1", "::ffff:10.0.0.7", "8.8.8.8"])
def test_what_a_name_means_decides(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    for host in ("localhost", "team.example"):
        with pytest.raises(UnprotectedHost):
            listen(Settings(host=host, port=0))


def test_with_all_three_it_listens_and_with_insecure_it_says_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "a", "--host", "0.0.0.0", "--insecure", "--allow-host", "team.example") as sidecar:
        _, said = sidecar.stop()
        port = sidecar.ready["port"]
    assert (
        f"insecure: other machines can reach port {port}, and the sidecar runs without auth and allow_origin; "
        "strangers, or a website that is open in a browser there, may read and send in every room\n"
    ) in said
    monkeypatch.setenv("SIDECAR_AUTH_TOKEN", SECRET)
    with serving(tmp_path / "b", "--host", "0.0.0.0", *PROTECTED_FLAGS) as sidecar:
        code, said = sidecar.stop(signal.SIGINT)
    assert code == 0
    assert "insecure" not in said
    assert SECRET not in said


async def test_nothing_is_opened_by_settings_that_change_while_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.toml"
    safe = "allow_host = ['team.example']\nallow_origin = ['https://team.example']\n"
    write(file, safe)
    flags = ["--host", "0.0.0.0", "--port", "0", "--auth", "token", "--state-dir", str(tmp_path / "state")]
    command = [sys.executable, "-m", "signaling_sidecar", "serve", "--project", str(tmp_path), *flags]
    program = await start_program(command, tmp_path, {"SIDECAR_AUTH_TOKEN": SECRET, **PYTHON_PATH})
    try:
        await program.line(r"^\{.*\}$")
        write(file, "allow_host = ['team.example']\n")
        await program.line(r"so allow_origin .* must be set too; .*; the previous settings stay in use$")
        write(file, safe + "max_rooms = 7\n")
        await program.line(r"now in use from .*: max_rooms$")
        write(file, safe + "insecure = true\n")
        await program.line(r"^insecure: restart the sidecar to use the new value$")
        assert program.count("detected") == 0, "the watcher of the file tells of each save, too"
    finally:
        program.process.kill()
        await program.ended()


def test_a_worker_with_a_socket_that_it_has_inherited_checks_that_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor of --reload binds the socket once, but the settings may change before the next worker starts."""
    worker = Takeover({"state_dir": str(tmp_path)}, os.devnull)
    listening = socket.create_server(("0.0.0.0", 0)).detach()
    with pytest.raises(UnprotectedHost, match=r"can reach the host '0\.0\.0\.0'"):
        worker.serve(listening, reloaded=False, serving=lambda: pytest.fail("it serves"))


def test_the_supervisor_of_reload_does_not_bind_either(tmp_path: Path) -> None:
    done = run_here("serve", "--reload", "--host", "0.0.0.0", "--port", "0", "--state-dir", str(tmp_path))
    assert (done.returncode, done.stderr) == (2, NEEDS_ALL)
