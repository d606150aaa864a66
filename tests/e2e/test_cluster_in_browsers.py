"""People in a call do not notice that the sidecar of one of them is killed, if another sidecar of its cluster lives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest_asyncio
from playwright.async_api import Browser

from signaling_sidecar.cluster.numbers import instance_of
from tests.e2e.demo_page import DemoPage, all_connected, meet, new_page, seen, watch
from tests.kit.checkout import FRONTEND
from tests.kit.cluster_processes import ClusterProcesses, Instance, cluster_processes
from tests.kit.load_balancer import load_balancer
from tests.kit.programs import Program, Start
from tests.kit.redis_server import running_redis
from tests.kit.sites import DEMO, NEVER_LOCKED, PLUGIN, start_vite, url_in

ROOM = "bar"
SEES_ANN = "document.querySelector('[data-testid=tile]:not(.own) video')"
LISTEN = """() => {
  const talk = (window.talk = { said: 0, signaled: 0, heard: [], signals: [] })
  demo.mesh.addEventListener('message', ({ detail: { data } }) => {
    if (typeof data !== 'string') talk.heard.push(new Uint32Array(data)[0])
  })
  demo.client.addEventListener('signal', ({ detail: { payload } }) => talk.signals.push(payload.number))
}"""
TALK = """(to) => {
  talk.timer = setInterval(() => {
    talk.said += demo.mesh.send(new Uint32Array([talk.said]), to)
    talk.signaled += Number(demo.client.relay(to, 'signal', { number: talk.signaled }))
  }, 50)
}"""


class Cluster(NamedTuple):
    """Two sidecars behind one Vite."""

    sidecars: ClusterProcesses
    vite: Program
    url: str


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(tmp_path: Path, start: Start, npm_package: Path) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as running:
        (tmp_path / "redis").mkdir()
        redis = running.enter_context(running_redis(tmp_path / "redis"))
        sidecars = await running.enter_async_context(cluster_processes(tmp_path, redis, count=2))
        urls = [each.url for each in sidecars.instances]
        target = await running.enter_async_context(load_balancer(tmp_path, urls))
        config = tmp_path / "vite.config.js"
        options = json.dumps({"sidecar": False, "target": target, "trace": True})
        config.write_text(
            f"import signaling from '{PLUGIN}'\n"
            f"export default {{ plugins: [signaling({options})], cacheDir: '{tmp_path}/vite' }}\n"
        )
        vite = await start_vite(start, FRONTEND, [str(DEMO), NEVER_LOCKED, "--config", str(config)])
        yield Cluster(sidecars, vite, await url_in(vite))


async def talk(one: DemoPage, other: DemoPage) -> None:
    """From now on, both send each other numbers, over their data channel and over the sidecars."""
    for person in (one, other):
        await person.page.evaluate(LISTEN)
    for speaker, listener in ((one, other), (other, one)):
        await speaker.page.evaluate(TALK, await listener.peer_id())


async def all_is_heard(speaker: DemoPage, listener: DemoPage) -> None:
    """Let one of the two be silent. Every number must have arrived once and in order."""
    await speaker.page.evaluate("clearInterval(talk.timer)")
    said, signaled = sent = await speaker.page.evaluate("[talk.said, talk.signaled]")
    await listener.page.wait_for_function(
        "([said, signaled]) => talk.heard.length >= said && talk.signals.length >= signaled", arg=sent
    )
    assert await listener.page.evaluate("talk.heard") == list(range(said))
    assert await listener.page.evaluate("talk.signals") == list(range(signaled))


def instances_of(sidecar: Instance) -> dict[str, list[int]]:
    """The numbers of the instances that each person was connected to, as the log of one instance has it."""
    found: dict[str, list[int]] = {}
    names: dict[str, str] = {}
    for record in sidecar.records():
        if record["type"] in ("peer.joined", "peer.resumed"):
            name = names.setdefault(record["session"], json.loads(record["data"]).get("name"))
            found.setdefault(name, []).append(instance_of(record["connection"]))
    return found


async def test_a_call_goes_on_when_the_sidecar_that_has_the_rooms_is_killed(
    cluster: Cluster, browser_with_camera: Browser
) -> None:
    ann, ben, cleo = people = [await new_page(browser_with_camera, name) for name in ("Ann", "Ben", "Cleo")]
    await meet(cluster.url, ROOM, ann, ben)
    owner, [front] = await cluster.sidecars.owner(), await cluster.sidecars.fronts()
    at_owner, at_front = cluster.sidecars.number(owner), cluster.sidecars.number(front)
    before = instances_of(front)
    assert before in ({"Ann": [at_owner], "Ben": [at_front]}, {"Ann": [at_front], "Ben": [at_owner]})
    lost = ann if before["Ann"] == [at_owner] else ben
    for person, other in ((ann, ben), (ben, ann)):
        await person.keep_connection_to(other)
    await ann.turn_camera_on()
    await talk(ann, ben)
    for person in (ann, ben):
        await watch(person)
        await person.page.wait_for_function("talk.heard.length > 9 && talk.signals.length > 9")

    await owner.kill()
    await lost.page.wait_for_function("seen.events.includes('resumed')")
    assert await cluster.sidecars.owner() is front
    for person, other in ((ann, ben), (ben, ann)):
        await all_is_heard(person, other)
        assert await person.has_kept_connection_to(other)
        what = await seen(person)
        assert what["tiles"] == []
        # The others are told that a peer is away if it is not back within a second (PROTOCOLS.md, "Rule 9").
        assert [each for each in what["events"] if each != "peer_updated"] == (["resumed"] if person is lost else [])

    await cleo.open(cluster.url)
    await cleo.join(ROOM)
    await all_connected(*people)
    assert instances_of(front) == {**before, lost.name: [at_owner, at_front], "Cleo": [at_front]}
    assert [person.faults for person in people] == [[], [], []]
