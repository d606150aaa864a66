"""`site.json` contains the URLs of the pages while Vite is running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from signaling_sidecar.site import read_site

SITE = {
    "pid": os.getpid(),
    "name": "my-app",
    "local": ["http://localhost:5173/"],
    "network": ["https://10.0.40.44:5173/"],
    "secret": "s" * 43,
}


def write(folder: Path, site: object) -> None:
    """Write the file atomically, as the plugin does."""
    (folder / "site.json.new").write_text(json.dumps(site))
    (folder / "site.json.new").replace(folder / "site.json")


def test_the_site_of_a_running_vite_is_read(tmp_path: Path) -> None:
    write(tmp_path, SITE)
    site = read_site(tmp_path)
    assert site is not None
    assert (site.name, site.network) == ("my-app", ["https://10.0.40.44:5173/"])


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, SITE)
    assert read_site(tmp_path) is not None
    write(tmp_path, SITE | {"network": []})
    site = read_site(tmp_path)
    assert site is not None
    assert site.network == []


def test_the_file_of_a_killed_vite_is_ignored(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write(tmp_path, SITE | {"pid": gone.pid})
    assert read_site(tmp_path) is None


def test_of_several_vites_those_that_run_are_read(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    others = [SITE | {"name": "second"}, SITE | {"pid": gone.pid, "name": "killed"}, SITE | {"name": "first"}]
    write(tmp_path, SITE | {"pid": gone.pid, "others": others})
    site = read_site(tmp_path)
    assert site is not None
    assert [each.name for each in site.all] == ["second", "first"]


@pytest.mark.parametrize("wrong", [{"secret": ""}, {"secret": "short"}, {"network": "https://10.0.40.44/"}])
def test_a_file_with_other_content_is_ignored(tmp_path: Path, wrong: dict[str, object]) -> None:
    write(tmp_path, SITE | wrong)
    assert read_site(tmp_path) is None


def test_a_folder_of_that_name_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "site.json").mkdir()
    assert read_site(tmp_path) is None


def test_a_link_to_itself_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "site.json").symlink_to("site.json")
    assert read_site(tmp_path) is None


def test_without_a_file_or_a_folder_there_is_no_site(tmp_path: Path) -> None:
    assert read_site(tmp_path) is None
    assert read_site(tmp_path / "nothing") is None
