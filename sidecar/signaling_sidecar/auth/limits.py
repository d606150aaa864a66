"""Limits for the times in tokens."""

from __future__ import annotations

LEEWAY_S = 10  # seconds by which the clocks of the issuer and of the sidecar may differ
MAX_LIFETIME_S = 366 * 86_400  # the most seconds until the `exp` of a token, because revocations are kept until `exp`
