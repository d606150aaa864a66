"""The tests for all dialects tell the author of a dialect what is wrong with its manners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import hears_an_error, meet
from tests.kit.serving import Served


async def test_an_error_that_is_not_sent_is_reported_at_once_unless_the_manners_say_that_errors_need_ids(
    served: Served,
) -> None:
    manners = replace(MANNERS["mesh"], is_error=lambda frame: True)
    (ann,) = await meet(served, manners, "bar", "ann")
    await ann.send("{")
    with pytest.raises(pytest.fail.Exception, match="the sidecar sent no error"):
        await hears_an_error(ann, manners)
    await hears_an_error(ann, replace(manners, errors_need_ids=True))
