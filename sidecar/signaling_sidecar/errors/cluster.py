"""Errors of a cluster of sidecars."""

from __future__ import annotations

from signaling_sidecar.errors.operator import SidecarError


class UnreadableMessage(SidecarError):
    """A message between two instances cannot be read. `reason` does not show the content of the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"a message between the sidecars of the cluster cannot be read ({self.reason}): all of them must have the "
            "same version, and no other program may write to their keys in Redis"
        )


class RedisUnusable(SidecarError):
    """The sidecar cannot start, because it cannot use the Redis server of the cluster.

    With this exit code, a service manager starts the sidecar again, because Redis may start later.
    """

    exit_code = 4

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"the Redis server of the cluster cannot be used ({self.reason}): check --cluster and "
            "SIDECAR_CLUSTER_PASSWORD"
        )
