"""When the sidecar starts, it does not read the trusted certificates of this machine, unless hooks may need them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.kit.checkout import ROOT
from tests.kit.sidecar_command import run

COUNT = "len(aiohttp.connector._SSL_CONTEXT_VERIFIED.get_ca_certs())"
WITH_AND_WITHOUT = f"""
import os, ssl
from signaling_sidecar.cli.certificates import no_certificates
before = dict(os.environ)
with no_certificates():
    import aiohttp
assert dict(os.environ) == before
print({COUNT}, len(ssl.create_default_context().get_ca_certs()))
"""


AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBNDCB56ADAgECAhRdZYyXAr5IrYDCcHCGQohK+NgMKTAFBgMrZXAwDzENMAsG
A1UEAwwEdGVzdDAgFw0yNjExMjkwMTUyMjVaGA8yMTI2MTEwNTAxNTIyNVowDzEN
MAsGA1UEAwwEdGVzdDAqMAUGAytlcAMhAD+YhE2NVIr4eeNCaTpdrZgG4skEvndY
rt+dTjpWN7KBo1MwUTAdBgNVHQ4EFgQU2wcJz2N2qGG2lZT1VzWCWHitS8IwHwYD
VR0jBBgwFoAU2wcJz2N2qGG2lZT1VzWCWHitS8IwDwYDVR0TAQH/BAUwAwEB/zAF
BgMrZXADQQCjmU/QUdgcNpiktD2ViQQXnIVHWc6eRrtdW4oPsiSrKRO/BajPjKAA
phdUzR7qybUYNZH8pUxtIAxqW5Omd5oJ
-----END CERTIFICATE-----
"""
"""The certificate of one authority, so that the tests do not depend on the certificates that this machine trusts."""


def authority(folder: Path) -> str:
    file = folder / "authority.pem"
    file.write_text(AUTHORITY)
    return str(file)


def test_only_what_is_imported_meanwhile_trusts_no_authority(tmp_path: Path) -> None:
    env = {**os.environ, "SSL_CERT_FILE": authority(tmp_path), "PYTHONPATH": str(ROOT / "sidecar")}
    words = [sys.executable, "-c", WITH_AND_WITHOUT]
    done = subprocess.run(words, env=env, check=True, capture_output=True, text=True)
    assert done.stdout == "0 1\n"


def test_hooks_can_send_https_requests(tmp_path: Path) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text(f"import aiohttp\nprint(f'trusted authorities: {{{COUNT}}}')\nraise ValueError('that is all')\n")
    done = run(
        "serve", "--port", "0", "--state-dir", str(tmp_path / "state"), "--hooks", str(hooks),
        SSL_CERT_FILE=authority(tmp_path),
    )  # fmt: skip
    assert "trusted authorities: 1" in done.stderr
