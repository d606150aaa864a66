"""The command `sidecar`, also installed as `signaling-sidecar`."""

from signaling_sidecar.cli.command import main

__all__ = ["main"]
