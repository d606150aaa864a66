"""The command `sidecar`, which is also installed under the name `signaling-sidecar`."""

from signaling_sidecar.cli.command import main

__all__ = ["main"]
