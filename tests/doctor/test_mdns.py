"""The check of multicast DNS in `sidecar doctor` works in every kind of network."""

from __future__ import annotations

from tests.lan.laptops import PYTHON, Laptop, laptops

__all__ = ["laptops"]
Laptops = tuple[Laptop, Laptop]
CHECK = "from signaling_sidecar.doctor.mdns import check_mdns; print(check_mdns().code)"


async def test_answers_are_heard_in_a_network_with_only_ipv6(laptops: Laptops) -> None:
    ann, ben = laptops
    for laptop in laptops:
        await laptop.run("ip", "address", "delete", f"{laptop.addresses[0]}/24", "dev", "eth0")
    await ann.serve()
    url = await ann.put_a_page_on_the_network("my-app", ann.addresses[1])
    await ben.discovers(url)
    assert (await ben.run(*PYTHON, "-c", CHECK)).endswith("mdns-answers")


async def test_a_machine_without_any_network_interface_is_no_traceback(laptops: Laptops) -> None:
    ann, _ = laptops
    for interface in ("eth0", "lo"):
        await ann.run("ip", "link", "set", interface, "down")
        await ann.run("ip", "address", "flush", "dev", interface)
    assert (await ann.run(*PYTHON, "-c", CHECK)).endswith("mdns-silent")


async def test_an_interface_without_multicast_prints_no_warning(laptops: Laptops) -> None:
    """A sidecar, which prints warnings, checks multicast DNS whenever its status page is opened."""
    ann, _ = laptops
    await ann.run("ip", "link", "set", "lo", "up")  # ::1 cannot send to a multicast address
    said = await ann.run(*PYTHON, "-c", f"import logging; logging.basicConfig(); {CHECK}")
    assert said in ("mdns-answers", "mdns-silent")
