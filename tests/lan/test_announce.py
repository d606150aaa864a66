"""With `--announce`, the sidecar announces the page of its project over multicast DNS while Vite runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cli import main
from signaling_sidecar.lan import Page, lan_extra, page_of
from signaling_sidecar.site import Site
from tests.kit.copied_code import copy_package
from tests.kit.programs import Program, until
from tests.kit.serving import serve
from tests.kit.site_file import SECRET, write_site
from tests.lan.laptops import PYTHON, Laptop, laptops

__all__ = ["laptops"]
NOT_ANNOUNCED = "not announced on the LAN: Vite has no address on a local network"
Laptops = tuple[Laptop, Laptop]


class Heard:
    """The packets that a listener on the other laptop has received."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._taken = 1  # without the first line, which says that the listener is ready

    async def next(self, **wanted: Any) -> dict[str, Any]:
        """Return the next packet with these values. `ttls` is the set of the lifetimes of its records."""
        while True:
            await self._program.line(".", nth=self._taken + 1)
            packet: dict[str, Any] = json.loads(self._program.lines[self._taken])
            self._taken += 1
            if wanted.items() <= {**packet, "ttls": set(packet["lifetimes"].values())}.items():
                return packet


async def listen(laptop: Laptop) -> Heard:
    program = await laptop.start(*PYTHON, "-m", "tests.lan.listener", laptop.addresses[0])
    await program.line("listening")
    return Heard(program)


async def test_a_page_is_announced_while_it_is_on_the_network_and_every_record_lives_for_60_s(laptops: Laptops) -> None:
    ann, ben = laptops
    heard = await listen(ben)
    sidecar = await ann.serve()
    await sidecar.line(NOT_ANNOUNCED)
    write_site(ann.state_dir, "my-app", "http://10.77.0.1:5173/")
    packet = await heard.next(ttls={60})
    assert packet["lifetimes"].keys() == {"PTR", "SRV", "TXT", "A"}
    assert "".join(packet["txt"]) == "\x09txtvers=1\x1aurl=http://10.77.0.1:5173/\x0bname=my-app"
    await sidecar.line(r"announced on the LAN as 'my-app': http://10\.77\.0\.1:5173/")

    write_site(ann.state_dir, "my-app", "https://10.77.0.1:5174/base/")
    assert (await heard.next(ttls={0}))["names"] == packet["names"]
    again = await heard.next(ttls={60})
    assert again["names"] == packet["names"]
    assert "url=https://10.77.0.1:5174/base/" in again["txt"][0]

    write_site(ann.state_dir, "my-app")  # as if Vite listened only on localhost
    await heard.next(ttls={0})
    await sidecar.line(NOT_ANNOUNCED, nth=2)
    assert sidecar.count("announced on the LAN") == 4  # two of the four lines say "not announced"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_is_withdrawn_when_the_sidecar_ends(laptops: Laptops, number: signal.Signals) -> None:
    ann, ben = laptops
    heard = await listen(ben)
    sidecar = await ann.serve()
    write_site(ann.state_dir, "my-app", "http://10.77.0.1:5173/")
    packet = await heard.next(ttls={60})
    sidecar.process.send_signal(number)
    assert (await heard.next(ttls={0}))["names"] == packet["names"]
    assert await sidecar.ended() == 0
    assert sidecar.count("Warning|Error|Traceback") == 0, sidecar.lines


async def test_it_is_withdrawn_when_its_vite_was_killed(laptops: Laptops) -> None:
    ann, ben = laptops
    heard = await listen(ben)
    await ann.serve()
    vite = await ann.start("sleep", "60")
    write_site(ann.state_dir, "my-app", "http://10.77.0.1:5173/", pid=vite.pid)
    await heard.next(ttls={60})
    vite.process.kill()
    await vite.ended()
    await heard.next(ttls={0})


async def test_a_page_is_announced_only_on_its_own_network(laptops: Laptops) -> None:
    ann, ben = laptops
    heard = await listen(ben)
    await ann.run("ip", "link", "add", "vpn0", "type", "veth", "peer", "name", "vpn1")
    await ann.run("ip", "addr", "add", "10.88.0.1/24", "dev", "vpn0")
    for end in ("vpn0", "vpn1"):
        await ann.run("ip", "link", "set", end, "up")
    other = await ann.start(*PYTHON, "-m", "tests.lan.listener", "10.88.0.1")
    await other.line("listening")
    await ann.serve()
    write_site(ann.state_dir, "my-app", "http://10.77.0.1:5173/", "http://10.88.0.1:5173/")
    await heard.next(ttls={60})
    await until(lambda: other.count("signaling-") > 0, "a copy of what goes to the LAN comes back to this machine")
    assert {json.loads(line)["from"] for line in other.lines[1:]} == {"10.77.0.1"}


async def test_it_has_the_same_name_after_its_own_code_was_reloaded(laptops: Laptops, tmp_path: Path) -> None:
    ann, ben = laptops
    copy = copy_package(tmp_path / "source")
    heard = await listen(ben)
    command = [sys.executable, "-m", "signaling_sidecar", "serve", "--port", "0", "--reload", "--announce"]
    sidecar = await ann.start(*command, "--state-dir", ann.state_dir, env={"PYTHONPATH": str(copy.parent)})
    await sidecar.line(r"^\{")
    write_site(ann.state_dir, "my-app", "http://10.77.0.1:5173/")
    packet = await heard.next(ttls={60})
    for nth in (1, 2):
        with (copy / "server" / "pages" / "page_files.py").open("a") as file:
            file.write("\n")
        await sidecar.line("new code is serving", nth=nth)
        assert (await heard.next(ttls={0}))["names"] == packet["names"]
        assert (await heard.next(ttls={60}))["names"] == packet["names"]


async def test_a_page_at_a_removed_address_is_reported_and_the_sidecar_continues(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_site(tmp_path, "my-app", "http://10.255.255.254:5173/")
    served = await serve(aiohttp_client, tmp_path, announce=True)
    await until(lambda: "multicast DNS does not work here (10.255.255.254" in caplog.text, "the terminal says so")
    ann = await served.connect()
    assert (await ann.join("ann"))["type"] == "peer_list"
    async with served.client.get("/ws/signaling/neighbours") as answer:
        assert await answer.json() == {"announced": False, "neighbours": []}
    await served.stop()


def test_without_the_extra_it_names_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lan_extra, "find_spec", lambda name: None)
    sentence = "sidecar: {} needs packages that are not installed: pip install 'signaling-sidecar[lan]'\n"
    for words, feature in (
        (["serve", "--port", "0", "--state-dir", str(tmp_path), "--announce"], "--announce"),
        (["discover"], "sidecar discover"),
    ):
        assert main(words) == 2
        assert capsys.readouterr().err == sentence.format(feature)


def test_announced_records_are_answered_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["serve", "--port", "0", "--state-dir", str(tmp_path), "--announce", "--dialects", "mesh"]
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "sidecar: dialects must be with 'rooms', which the pages on the LAN use, not ('mesh',) (from --announce)\n"
    )


def test_zeroconf_is_not_imported_without_announcements() -> None:
    code = """
import sys
import signaling_sidecar.cli, signaling_sidecar.lan, signaling_sidecar.server
assert "zeroconf" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)})


@pytest.mark.parametrize(
    ("network", "announced"),
    [
        ([], None),
        (["http://10.0.40.44:5173/"], "http://10.0.40.44:5173/"),
        (["http://203.0.113.9:5173/", "https://192.168.1.7:5173/app/"], "https://192.168.1.7:5173/app/"),
        (["http://[fd00::2]:5173/"], "http://[fd00::2]:5173/"),
        (["http://100.64.0.1:5173/"], None),
        (["http://my-laptop.local:5173/"], None),
        (["http://10.0.0.1:5173/" + 200 * "a" + "/"], None),
    ],
)
def test_the_first_page_at_a_private_address_is_announced(network: list[str], announced: str | None) -> None:
    page = page_of(Site(1, "my-app", [], network, SECRET))
    assert (page and page.url) == announced


def test_without_a_site_there_is_no_page() -> None:
    assert page_of(None) is None


def test_a_name_of_any_length_fits_into_its_record() -> None:
    page = page_of(Site(1, 200 * "🦊", [], ["http://10.0.0.1/"], SECRET))
    assert page is not None
    assert len(f"name={page.name}".encode()) <= 255
    assert (page.port, Page(page.name, "https://10.0.0.1/", page.address).port) == (80, 443)
