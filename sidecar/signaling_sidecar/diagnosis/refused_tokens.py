"""Read the records of clients that were refused because they had no valid token."""

from __future__ import annotations

import msgspec

from signaling_sidecar.auth import in_words
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_data


class RefusedToken(msgspec.Struct):
    """The data of an `auth.failed` record."""

    why: str | None = None
    remote: str | None = None
    """The address of the client, if it is known."""

    @property
    def words(self) -> str:
        return in_words(self.why)


def read_refused_token(entry: Entry) -> RefusedToken:
    return read_data(entry.data, RefusedToken) or RefusedToken()
