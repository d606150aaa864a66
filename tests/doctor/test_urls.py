"""The option of `sidecar doctor` that contains the URL of the dev server."""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_sidecar.doctor.probes import UnknownName, certificate_fault, get
from tests.kit.sidecar_command import run_here


@pytest.mark.parametrize(
    "url", ["ftp://localhost/", "//localhost/", "http://", "http://[", "http://a b/", "http://a:0/"]
)
def test_an_invalid_url_is_reported_in_one_sentence(tmp_path: Path, url: str) -> None:
    done = run_here("doctor", "--url", url, "--state-dir", str(tmp_path))
    sentence = "sidecar: url must be the URL of a page, such as http://localhost:5173/, not"
    assert (done.returncode, done.stderr) == (2, f"{sentence} {url!r} (from --url)\n")


def test_a_url_may_contain_any_character_as_in_the_address_bar_of_a_browser(tmp_path: Path) -> None:
    done = run_here("doctor", "--url", "http://127.0.0.1:1/é x", "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert "http://127.0.0.1:1/%C3%A9%20x" in done.stdout


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_a_name_that_cannot_exist_is_unknown(host: str) -> None:
    with pytest.raises(UnknownName):
        get(f"http://{host}/")
    assert certificate_fault(f"https://{host}/") is not None
