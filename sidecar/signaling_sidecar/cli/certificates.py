"""Import aiohttp without reading the certificates of all certificate authorities."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The environment variables by which OpenSSL finds the certificates."""


@contextmanager
def no_certificates() -> Iterator[None]:
    """Modules that are imported in the `with` block create TLS contexts that trust no certificate authority.

    aiohttp creates the TLS contexts of its HTTP client when it is imported. Reading some 140 certificates for each of
    these contexts takes a fifth of the sidecar's start-up time, and the sidecar itself sends no https request that
    needs certificates.
    """
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
