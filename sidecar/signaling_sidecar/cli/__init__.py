"""The command `sidecar`, which is also installed under the name `signaling-sidecar`."""

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        # Imported here, because Ctrl-C may be pressed during the imports, which take most of the time of a start.
        from signaling_sidecar.cli.command import main as run

        return run(argv)
    except KeyboardInterrupt:
        return 130  # the exit code that shells use for a command that was ended by SIGINT
