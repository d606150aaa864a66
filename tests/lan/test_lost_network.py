"""A command that reads the records of a sidecar on another machine notices that the network has gone."""

from __future__ import annotations

import itertools
import json

from tests.lan.laptops import PYTHON, SIDECAR, Laptop, laptops

__all__ = ["laptops"]  # a fixture

Laptops = tuple[Laptop, Laptop]

TAIL = """
import sys
from signaling_sidecar.cli import main, remote_sidecar
remote_sidecar.KEEPALIVE.update(dict.fromkeys(remote_sidecar.KEEPALIVE, 1))
sys.exit(main(["tail", "-n", "0", "--url", sys.argv[1]]))
"""
JOIN = """
import sys
from tests.kit.sidecar_command import join
join(sys.argv[1], "bar", sys.argv[2])
"""


async def test_a_command_that_waits_for_news_ends_when_the_network_is_lost(laptops: Laptops) -> None:
    ann, ben = laptops
    url = f"http://{ann.addresses[0]}:8765"
    flags = ["--host", ann.addresses[0], "--port", "8765", "--insecure", "--state-dir", str(ann.state_dir)]
    await (await ann.start(*SIDECAR, "serve", *flags)).line(r"^\{")
    token = json.loads((ann.state_dir / "runtime.json").read_text())["admin_token"]
    tail = await ben.start(*PYTHON, "-c", TAIL, url, env={"SIDECAR_ADMIN_TOKEN": token})
    for number in itertools.count():  # because the command does not print that it waits for news
        await ann.run(*PYTHON, "-c", JOIN, url, f"cleo-{number}")
        if tail.count("peer.joined"):
            break
    with ann.host.cable_pulled():
        assert await tail.ended() == 2, tail.lines
    assert "has not answered: " in tail.lines[-1]
