import asyncio, time
from tests.e2e.plain_pages import PlainPages
from tests.e2e.plain_pairs import a_slow_newcomer
from tests.e2e.test_why_of_plain_pages import plain_browser, site  # noqa
from tests.e2e.verdicts_said import entries_of, verdicts_of


async def test_repro(site, plain_browser):
    end = time.time() + 200
    n = 0
    bad = []
    while time.time() < end:
        pages = PlainPages(site, await plain_browser.new_context())
        rooms = [f"r{n}-{i}" for i in range(4)]
        n += 1
        await asyncio.gather(*(a_slow_newcomer(pages, r) for r in rooms))
        t = time.time()
        while time.time() < t + 12:
            for v in verdicts_of(entries_of(site.sidecar), rooms, time.time()):
                if v.finding.reason == "glare" or v.signaling.reason == "glare":
                    bad.append(v.meeting.room)
            await asyncio.sleep(1)
        await pages.window.close()
        if bad:
            break
    for e in entries_of(site.sidecar):
        if e.room in bad:
            print(
                e.ts,
                e.type,
                e.peer,
                getattr(e, "kind", None),
                (e.data or "")[:100] if isinstance(e.data, str) else e.data,
            )
    print(n, bad)
    print("\n".join(site.vite.lines[-30:]))
    assert not bad
