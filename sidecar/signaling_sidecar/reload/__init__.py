"""Code that changes while the sidecar runs."""

from signaling_sidecar.reload.hooks_file import HooksFile

__all__ = ["HooksFile"]
