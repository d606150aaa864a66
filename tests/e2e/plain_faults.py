"""Faults that tests cause between pages of a plain app in real browsers, each in a separate room."""

from __future__ import annotations

from collections.abc import Mapping

from signaling_sidecar.diagnosis import Reason
from tests.e2e.plain_pages import Case, Make, PlainPages
from tests.e2e.reported_verdicts import Expected
from tests.e2e.stories import has
from tests.kit.programs import until

NEVER_MS = 1_000_000  # ms; longer than any test
TOO_MANY = """async () => {
  const offer = await new RTCPeerConnection().createOffer({ offerToReceiveAudio: true })
  for (let i = 0; i < 600; i++) app.send('signal', { to: 'ann', i })
  app.send('offer', { to: 'ann', sdp: offer.sdp })
}"""


async def both_hold_their_descriptions(pages: PlainPages, room: str) -> None:
    await pages.pair(room, holds=500)


async def both_offer_and_ignore_the_other(pages: PlainPages, room: str) -> None:
    await pages.pair(room, calls="both", holds=500, trickles=2000, busy="ignores")


async def both_offer_and_answer_the_other(pages: PlainPages, room: str) -> None:
    await pages.pair(room, calls="both", holds=500, trickles=2000)


async def one_side_names_no_candidate(pages: PlainPages, room: str) -> None:
    """Ann sends no candidate, and Ben's candidates have an address that no machine has."""
    await pages.open(room, "ann", names="nothing")
    await pages.open(room, "ben", names="203.0.113.7")


async def the_answerer_is_closed(pages: PlainPages, room: str) -> None:
    ann = await pages.open(room, "ann", holds=NEVER_MS)
    await pages.open(room, "ben")
    await offered(pages, room)
    await ann.close()


async def the_offerer_is_closed(pages: PlainPages, room: str) -> None:
    await pages.open(room, "ann", holds=NEVER_MS)
    ben = await pages.open(room, "ben")
    await offered(pages, room)
    await ben.close()


async def a_page_of_a_mesh_is_closed(pages: PlainPages, room: str) -> None:
    ann = await pages.open(room, "ann", holds=NEVER_MS, dialect="mesh")
    await pages.open(room, "ben", dialect="mesh")
    await offered(pages, room)
    await ann.close()


async def no_camera_on_an_insecure_page(pages: PlainPages, room: str) -> None:
    await pages.pair(room, secure=False, camera="yes")


async def an_offer_over_the_limit(pages: PlainPages, room: str) -> None:
    _, ben = await pages.pair(room, calls="nobody")
    await ben.evaluate("app.send('offer', { to: 'ann', sdp: 'v=0' + 'x'.repeat(270_000) })")


async def an_offer_over_the_limit_of_a_mesh(pages: PlainPages, room: str) -> None:
    _, ben = await pages.pair(room, calls="nobody", dialect="mesh")
    await ben.evaluate("app.send('offer', { to: 'ann', sdp: 'v=0' + 'x'.repeat(270_000) })")


async def too_many_frames_before_the_offer(pages: PlainPages, room: str) -> None:
    _, ben = await pages.pair(room, calls="nobody")
    await ben.evaluate(TOO_MANY)


async def an_offer_without_a_receiver(pages: PlainPages, room: str) -> None:
    _, ben = await pages.pair(room, calls="nobody")
    await ben.evaluate("app.send('offer', { sdp: 'v=0' })")


async def offered(pages: PlainPages, room: str) -> None:
    record = {"type": "signal.relayed", "room": room, "kind": "offer"}
    await until(lambda: any(has(each, record) for each in pages.site.sidecar.records()), "the offer is on its way")


FAULTS = [
    Case(both_hold_their_descriptions, Expected(Reason.EARLY_CANDIDATES)),
    Case(both_offer_and_ignore_the_other, Expected(Reason.GLARE, Reason.GLARE)),
    Case(both_offer_and_answer_the_other, Expected(Reason.GLARE)),
    Case(one_side_names_no_candidate, Expected(Reason.NO_CANDIDATES, Reason.NO_CANDIDATES, "ann has not sent")),
    Case(the_answerer_is_closed, Expected(Reason.LEFT, Reason.LEFT)),
    Case(the_offerer_is_closed, Expected(Reason.LEFT, Reason.LEFT)),
    Case(a_page_of_a_mesh_is_closed, Expected(Reason.LEFT, Reason.LEFT)),
    Case(no_camera_on_an_insecure_page, Expected(Reason.INSECURE_PAGE, Reason.NOBODY_OFFERED)),
    Case(an_offer_over_the_limit, Expected(Reason.REFUSED, Reason.REFUSED, "too-large")),
    Case(an_offer_over_the_limit_of_a_mesh, Expected(Reason.REFUSED, Reason.REFUSED, "too-large")),
    Case(too_many_frames_before_the_offer, Expected(Reason.REFUSED, Reason.REFUSED, "too-fast")),
    Case(an_offer_without_a_receiver, Expected(Reason.REFUSED, Reason.REFUSED, "bad-field")),
]

# --- who met nobody ------------------------------------------------------------------------------------------------


async def one_too_many(pages: PlainPages, room: str) -> None:
    await pages.open(room, "ann", capacity=1)
    await pages.open(room, "ben", joined=False)


async def an_id_that_somebody_has(pages: PlainPages, room: str) -> None:
    await pages.open(room, "ann", resume="yes")
    await pages.open(room, "ann", joined=False)


async def an_offer_to_who_is_not_there(pages: PlainPages, room: str) -> None:
    ann = await pages.open(room, "ann")
    await ann.evaluate("app.send('offer', { to: 'ben', sdp: 'v=0' })")


async def an_offer_after_having_left(pages: PlainPages, room: str) -> None:
    ann = await pages.open(room, "ann")
    await ann.evaluate("app.send('leave'); app.send('offer', { to: 'ben', sdp: 'v=0' })")


REJECTIONS: Mapping[str, Make] = {
    "room-full": one_too_many,
    "id-taken": an_id_that_somebody_has,
    "no-such-peer": an_offer_to_who_is_not_there,
    "not-joined": an_offer_after_having_left,
}
"""Maps each error code to the function that causes the refusal. The code is also the reason in the verdict."""
