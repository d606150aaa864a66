"""Reads a key or a secret from a file, and reads it again whenever the file changes."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from signaling_sidecar.errors import SettingsError

MAX_KEY_FILE_BYTES = 1024 * 1024  # a JWKS file of a large identity provider has some 20 kB

Key = TypeVar("Key")
logger = logging.getLogger("signaling_sidecar")


class KeyFile(Generic[Key]):
    """The key in a file. `parse` raises ValueError, whose message completes the sentence "must be …".

    The constructor raises SettingsError for a file that cannot be used. If the file changes later and cannot be used,
    the error is logged once, and the last key stays in use. A cause may be that another program is still writing the
    file.
    """

    def __init__(self, setting: str, path: Path, parse: Callable[[bytes], Key], *, is_secret: bool) -> None:
        self._setting = setting
        self._path = path
        self._parse = parse
        self._version = self._current_version()
        self._key = self._read()
        if is_secret and os.name != "nt" and path.stat().st_mode & stat.S_IROTH:
            message = "every user of this machine can read the secret in %s: run `chmod 600 %s`"
            logger.warning(message, path, path, extra={"code": "secret-readable"})

    def key(self) -> Key:
        """Return the key that is in the file now."""
        version = self._current_version()
        if version != self._version:
            self._version = version
            try:
                self._key = self._read()
            except SettingsError as error:
                logger.error("%s; the previous key stays in use", error, extra={"code": error.code})
            else:
                logger.info("the key in %s has changed, and is in use now", self._path, extra={"code": "key-used"})
        return self._key

    def _current_version(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Key:
        try:
            if not self._path.is_file() and self._path.exists():
                raise ValueError("a regular file")  # reading a FIFO would block until a program writes to it
            if self._path.stat().st_size > MAX_KEY_FILE_BYTES:
                raise ValueError(f"a file of at most {MAX_KEY_FILE_BYTES} bytes")
            return self._parse(self._path.read_bytes())
        except OSError as error:
            raise self._unusable(f"a readable file ({error.strerror})") from None
        except ValueError as error:
            raise self._unusable(str(error)) from None

    def _unusable(self, expected: str) -> SettingsError:
        return SettingsError(self._setting, str(self._path), expected, "settings")
