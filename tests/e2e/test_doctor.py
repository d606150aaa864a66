"""`sidecar doctor` with a real Vite server reports each broken set-up, and no error if the set-up works."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from signaling_sidecar.addresses import AddressKind, own_addresses
from tests.kit.programs import Program, Start, until
from tests.kit.sites import PLUGIN, VITE, Sidecar, sidecar_in, start_sidecar, start_vite, url_in, write_project
from tests.kit.ways import config_with_plugin, serve_over_https

Findings = dict[str, dict[str, Any]]
"""Maps the code of each finding of `sidecar doctor` to the finding."""
RULE = "'^/ws/signaling(?:[/?]|$)'"


@pytest.fixture
def lan_host() -> str:
    """An address of this machine that other devices can use."""
    found = [address.host for address in own_addresses() if address.kind is AddressKind.LAN]
    if not found:
        pytest.skip("this machine has no address on a network")
    return found[0]


def rule(target: str, options: str = "ws: true, xfwd: true", more: str = "") -> str:
    proxy = f"proxy: {{ {RULE}: {{ target: {json.dumps(target)}, {options} }} }}"
    return f"export default {{ server: {{ {proxy}, {more} }} }}"


class SetUp:
    """The sidecar of a project, and its Vite server."""

    def __init__(self, start: Start, folder: Path, sidecar: Sidecar) -> None:
        self.start, self.folder, self.sidecar = start, folder, sidecar
        self.url: str

    async def vite(self, config: str, *words: str, https: bool = False) -> Program:
        (self.folder / "vite.config.js").write_text(config)
        if https:
            serve_over_https(self.folder)
        vite = await start_vite(self.start, self.folder, words)
        self.url = await url_in(vite)
        return vite

    async def doctor(self, *more: str, url: str | None = None, exit_code: int = 1) -> Findings:
        """Run `sidecar doctor`, and return its findings."""
        flags = ["--url", url or self.url, "--state-dir", self.sidecar.state_dir, *more]
        program = await self.start(["sidecar", "doctor", "--json", *flags], self.folder)
        assert await program.ended(within_s=30) == exit_code, program.lines
        return {finding["code"]: finding for finding in json.loads("\n".join(program.lines))}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_sidecar(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    return await start_sidecar(start_once, tmp_path_factory.mktemp("project"))


@pytest_asyncio.fixture(loop_scope="session")
async def setup(start: Start, tmp_path: Path, running_sidecar: Sidecar) -> SetUp:
    """A project with a sidecar that all tests share. Each test starts its own Vite server."""
    return SetUp(start, write_project(tmp_path / "app", ""), running_sidecar)


@pytest_asyncio.fixture(loop_scope="session")
async def own_setup(start: Start, tmp_path: Path) -> SetUp:
    """A project with a separate sidecar, for tests that stop it or change its state folder."""
    folder = write_project(tmp_path / "app", "")
    return SetUp(start, folder, await start_sidecar(start, folder))


def wrong(findings: Findings) -> set[str]:
    return {code for code, finding in findings.items() if finding["level"] == "wrong"}


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_working_setup_has_no_errors(setup: SetUp) -> None:
    await setup.vite(rule(setup.sidecar.url), "--host", https=True)
    findings = await setup.doctor(exit_code=0)
    assert wrong(findings) == set()
    well = {"sidecar-up", "vite-found", "lan-address", "on-the-network", "proxied", "host-kept", "websocket-opens"}
    assert {*well, "secure-page"} <= {code for code, finding in findings.items() if finding["level"] == "ok"}
    assert findings["certificate-untrusted"]["level"] == "note"


@pytest.mark.usefixtures("npm_package", "lan_host")
@pytest.mark.parametrize(("dialect", "code"), [("rooms", "websocket-opens"), ("mesh", "websocket-needs-token")])
async def test_a_sidecar_that_requires_tokens_is_no_error(
    start: Start, tmp_path: Path, dialect: str, code: str
) -> None:
    """Clients of `rooms` send their token in a frame, and those of `mesh` in the handshake."""
    folder = write_project(tmp_path / "app", "")
    (secret := tmp_path / "secret").write_text("s" * 40)
    flags = ["--auth", "token", "--auth-token-file", str(secret), "--dialects", dialect]
    setup = SetUp(start, folder, await start_sidecar(start, folder, flags))
    await setup.vite(rule(setup.sidecar.url), "--host", https=True)
    findings = await setup.doctor(exit_code=0)
    assert {findings[each]["level"] for each in ("proxied", code)} == {"ok"}


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_killed_sidecar_is_reported(own_setup: SetUp) -> None:
    await own_setup.vite(rule(own_setup.sidecar.url), "--host", https=True)
    os.kill(own_setup.sidecar.pid, signal.SIGKILL)
    await own_setup.sidecar.program.ended()
    findings = await own_setup.doctor()
    assert wrong(findings) == {"sidecar-gone"}
    assert "sidecar serve" in findings["sidecar-gone"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_stopped_sidecar_is_reported(own_setup: SetUp) -> None:
    await own_setup.vite(rule(own_setup.sidecar.url), "--host", https=True)
    os.kill(own_setup.sidecar.pid, signal.SIGTERM)
    await own_setup.sidecar.program.ended()
    assert wrong(await own_setup.doctor()) == {"sidecar-down"}


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_wrong_port_in_the_proxy_is_reported(setup: SetUp) -> None:
    await setup.vite(rule("http://127.0.0.1:9"), "--host", https=True)
    findings = await setup.doctor()
    assert wrong(findings) == {"proxy-dead-end"}
    assert setup.sidecar.url in findings["proxy-dead-end"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_proxy_to_the_sidecar_of_another_project_is_reported(
    setup: SetUp, start: Start, tmp_path: Path
) -> None:
    other = await start_sidecar(start, write_project(tmp_path / "other", ""))
    await setup.vite(rule(other.url), "--host", https=True)
    findings = await setup.doctor()
    assert wrong(findings) == {"proxy-other-sidecar"}
    assert setup.sidecar.url in findings["proxy-other-sidecar"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_missing_proxy_rule_is_reported(setup: SetUp) -> None:
    await setup.vite("export default {}", "--host", https=True)
    assert wrong(await setup.doctor()) == {"not-proxied"}


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_the_proxy_option_change_origin_is_reported(setup: SetUp) -> None:
    await setup.vite(rule(setup.sidecar.url, "ws: true, xfwd: true, changeOrigin: true"), "--host", https=True)
    findings = await setup.doctor()
    assert wrong(findings) == {"host-hidden"}
    assert "changeOrigin" in findings["host-hidden"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_proxy_rule_without_ws_is_reported(setup: SetUp) -> None:
    await setup.vite(rule(setup.sidecar.url, "xfwd: true"), "--host", https=True)
    findings = await setup.doctor()
    assert wrong(findings) == {"websocket-not-proxied"}
    assert "ws: true" in findings["websocket-not-proxied"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_vite_on_localhost_only_is_reported(setup: SetUp) -> None:
    await setup.vite(rule(setup.sidecar.url))
    findings = await setup.doctor(exit_code=0)
    assert wrong(findings) == set()
    assert findings["vite-localhost-only"]["level"] == "note"
    findings = await setup.doctor("--lan")
    assert wrong(findings) == {"vite-localhost-only"}
    assert "--host" in findings["vite-localhost-only"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_host_that_vite_accepts_and_the_sidecar_refuses_is_reported(setup: SetUp) -> None:
    await setup.vite(rule(setup.sidecar.url, more="allowedHosts: true"), "--host", https=True)
    findings = await setup.doctor(url=setup.url.replace("localhost", "dev.example"))
    assert wrong(findings) == {"page-refused"}
    assert "--allow-host dev.example" in findings["page-refused"]["remedy"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_host_that_vite_refuses_is_reported(setup: SetUp) -> None:
    await setup.vite(rule(setup.sidecar.url), "--host")
    findings = await setup.doctor(url=setup.url.replace("localhost", "dev.example"))
    assert wrong(findings) == {"vite-refuses-host", "page-refused", "insecure-page"}
    assert "allowedHosts: ['dev.example']" in findings["vite-refuses-host"]["remedy"]


@pytest.mark.usefixtures("npm_package")
async def test_http_on_a_lan_address_is_reported(setup: SetUp, lan_host: str) -> None:
    await setup.vite(rule(setup.sidecar.url), "--host")
    findings = await setup.doctor()
    assert wrong(findings) == {"insecure-page"}
    assert f"http://{lan_host}" in findings["insecure-page"]["sentence"]


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_stopped_vite_is_reported(setup: SetUp) -> None:
    vite = await setup.vite(rule(setup.sidecar.url))
    await vite.stop()
    assert wrong(await setup.doctor()) == {"vite-unreachable"}


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_vite_is_found_by_the_plugins_site_file(start: Start, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop", config_with_plugin())
    vite = await start_vite(start, folder, ["--base", "/shop/"])
    url, sidecar = await url_in(vite), await sidecar_in(vite)
    await until((sidecar.state_dir / "site.json").exists, "the plugin has written where the pages are")
    program = await start(["sidecar", "doctor"], folder)
    assert await program.ended(within_s=30) == 0
    said = "\n".join(program.lines)
    assert f"✓ Vite's dev server of shop answers at {url}" in said
    assert "✓ Vite proxies /ws/signaling to the sidecar" in said
    assert "· Vite listens on localhost only" in said
    assert "✗" not in said
    assert "does not prove the address" not in said


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_the_plugins_lan_option_causes_no_errors(start: Start, tmp_path: Path) -> None:
    config = (
        f"import signaling from {json.dumps(str(PLUGIN))}\nexport default {{ plugins: [signaling({{ lan: true }})] }}"
    )
    folder = write_project(tmp_path / "app", config)
    vite = await start_vite(start, folder)
    sidecar = await sidecar_in(vite)
    await until((sidecar.state_dir / "site.json").exists, "the plugin has written where the pages are")
    program = await start(["sidecar", "doctor", "--lan"], folder)
    assert await program.ended(within_s=30) == 0, program.lines
    assert program.count("✗") == 0


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_vite_is_found_at_its_usual_ports(setup: SetUp) -> None:
    (setup.folder / "vite.config.js").write_text(rule(setup.sidecar.url))
    await url_in(await setup.start(["node", VITE, "--base", "/shop/"], setup.folder))
    program = await setup.start(["sidecar", "doctor", "--state-dir", setup.sidecar.state_dir], setup.folder)
    assert await program.ended(within_s=30) == 0
    await program.line(r"✓ Vite's dev server answers at http://localhost:51\d\d/shop/")
    await program.line("✓ Vite proxies /ws/signaling to the sidecar")


async def test_without_any_earlier_run_it_explains_how_to_start(start: Start, tmp_path: Path) -> None:
    program = await start(["sidecar", "doctor"], tmp_path)
    assert await program.ended(within_s=30) == 1
    await program.line("✗ no sidecar is running for this project")
    await program.line("    start Vite with the plugin, which starts the sidecar too, or run `sidecar serve`")


@pytest.mark.usefixtures("npm_package", "lan_host")
async def test_a_changed_address_of_this_machine_is_reported(own_setup: SetUp) -> None:
    """`site.json` contains the address that the machine had when Vite started."""
    vite = await own_setup.vite(rule(own_setup.sidecar.url), "--host", https=True)
    site = {"pid": vite.pid, "name": "app", "local": [own_setup.url], "network": ["https://198.51.100.7:5173/"]}
    (own_setup.sidecar.state_dir / "site.json").write_text(json.dumps({**site, "secret": "s" * 43}))
    findings = await own_setup.doctor()
    assert wrong(findings) == {"address-gone"}
    assert "198.51.100.7" in findings["address-gone"]["sentence"]
