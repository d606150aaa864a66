"""Checks the return values of hooks. An invalid value has the same effect as an exception in the hook: the request is
refused."""

from __future__ import annotations

from typing import Any

import msgspec

from signaling_sidecar.errors import WrongHookAnswer
from signaling_sidecar.hub import OwnRules
from signaling_sidecar.names import refuse_id
from signaling_sidecar.untrusted_text import visible

MAX_SENTENCE_CHARS = 500  # characters of a sentence that a client is shown; the rest is cut off


def verdict(answer: Any) -> bool | str:
    """Return True if the hook accepts the request, and False or a sentence if it refuses. Raises WrongHookAnswer."""
    if answer is None:
        return True
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, str):
        # Not `answer[:n]`, because a subclass of str may override that.
        return visible(str.__getitem__(answer, slice(MAX_SENTENCE_CHARS)))
    raise WrongHookAnswer(f"{_named(answer)}, and not None, True, False or a sentence")


def own_rules(answer: Any) -> OwnRules | None:
    """Check the rules that `room_rules` has returned. Raises WrongHookAnswer for values that no room can have."""
    try:
        own: OwnRules | None = msgspec.convert(answer, OwnRules | None)
    except msgspec.ValidationError as error:
        raise WrongHookAnswer(f"rules that no room can have ({visible(str(error)[:MAX_SENTENCE_CHARS])})") from None
    if own is not None and own.host is not None and (refusal := refuse_id("host", own.host)) is not None:
        raise WrongHookAnswer(f"rules that no room can have ({refusal.message})")
    return own


def _named(answer: Any) -> str:
    return f"a value of type {visible(type(answer).__name__)}"
