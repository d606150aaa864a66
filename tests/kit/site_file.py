"""Writes `site.json`, as the Vite plugin does."""

from __future__ import annotations

import json
import os
from pathlib import Path

SECRET = "s" * 43


def write_site(state_dir: Path, name: str, *network: str, pid: int | None = None) -> None:
    site = {"pid": pid or os.getpid(), "name": name, "local": [], "network": network, "secret": SECRET}
    new = state_dir / "site.json.new"
    new.write_text(json.dumps(site))
    new.replace(state_dir / "site.json")
