"""Read the values of the settings from their sources: flags, environment variables and `sidecar.toml`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from signaling_sidecar.errors import SettingsError
from signaling_sidecar.settings.combinations import check_combinations
from signaling_sidecar.settings.definitions import Settings, all_settings
from signaling_sidecar.settings.kinds import Kind, dialects, resolved
from signaling_sidecar.text_encoding import decoded

FILE_NAME = "sidecar.toml"
MAX_LINKS = 40  # links that lead to the settings file, as in Linux; a circular link may appear after the file was read


class Configured(NamedTuple):
    """A valid value of one setting. `source` names the flag, variable or file that it came from."""

    value: Any
    source: str


@dataclass(frozen=True)
class Sources:
    """All sources of settings. `flags` maps the name of each setting to the value of its flag, or to None if the flag
    was not given."""

    flags: Mapping[str, Any]
    environment: Mapping[str, str]
    named_file: Path | None = None
    """The settings file that `--settings` names, which must exist. If no file is named, `sidecar.toml` in the
    project's folder is read, if that file exists."""
    dialects: tuple[str, ...] = ()
    """The names of all wire protocols ("dialects"). The caller passes them, because this package does not import the
    dialects. All of them are enabled unless the setting `dialects` names some."""
    check: Callable[[Settings], None] = lambda _: None
    """A further check by the caller: it raises SettingsError for valid settings that the caller cannot use."""

    @property
    def file(self) -> Path:
        """The settings file. Raises SettingsError for a path that cannot be resolved."""
        try:
            return resolved(self._path)
        except ValueError as error:
            raise self._unusable_file(self._path, error) from None

    @property
    def link(self) -> Path:
        """The path of the settings file, in which links are kept, because they may lead elsewhere later."""
        return self._path.expanduser().absolute()

    @property
    def _folder(self) -> Path:
        """The folder of the settings file, to which paths in the file are relative. If the file is a link, this is the
        folder to which the link leads. Links to folders are kept, because they may lead elsewhere later."""
        file = self.link
        for _ in range(MAX_LINKS):
            if not file.is_symlink():
                break
            file = file.parent / file.readlink()
        return file.parent

    @property
    def _path(self) -> Path:
        project = Path(self.flags.get("project") or self.environment.get("SIDECAR_PROJECT") or ".")
        return self.named_file or project / FILE_NAME

    def load(self) -> Settings:
        """Parse all settings. Raises SettingsError for the first invalid value, and for names that do not exist."""
        from_file = self._from_file()
        configured = ((each.name, self._configured(each.name, kind, from_file)) for each, kind in all_settings())
        values = {name: found.value for name, found in configured if found is not None}
        values.setdefault("dialects", self.dialects)
        known = {each.name for each in fields(Settings)}
        for name, value in from_file.items():
            if name not in known:
                raise SettingsError(name, value, "the name of a setting", str(self.file))
        if "project" not in values:
            values["project"] = _parse("project", _kind("project"), str(Path.cwd()), "the current folder")
        settings = Settings(**values)
        check_combinations(settings)
        self.check(settings)
        return settings

    def configured(self, name: str) -> Configured | None:
        """Read one setting without checking the others. Returns None if no source sets it. Raises SettingsError for an
        invalid value."""
        return self._configured(name, _kind(name), self._from_file())

    def _configured(self, name: str, kind: Kind, from_file: Mapping[str, Any]) -> Configured | None:
        variable = f"SIDECAR_{name.upper()}"
        if name == "dialects":
            kind = dialects(self.dialects)
        found = []
        for value, source in (
            (self.flags.get(name), "--" + name.replace("_", "-")),
            (self.environment.get(variable), variable),
            (from_file.get(name), str(self.file)),
        ):
            if value is not None and kind.is_secret and source != variable:
                raise SettingsError(name, "***", f"given in the environment, as {variable}", source)
            if value is not None:  # an invalid value is an error even if another source takes precedence
                found.append(Configured(_parse(name, kind, value, source), source))
        return found[0] if found else None

    def _from_file(self) -> dict[str, Any]:
        try:
            if self.named_file is None and not self.file.exists():
                return {}
            import tomllib  # imported here so that a start without a settings file does not take longer

            if not self.file.is_file() and str(self.named_file) != os.devnull:
                self.file.stat()  # raises FileNotFoundError for a missing file
                raise OSError("it is not a regular file")  # reading a FIFO could wait for ever
            found = _flat(tomllib.loads(decoded(self.file.read_bytes())))
        except (OSError, ValueError, RecursionError) as error:  # ValueError: the file is not UTF-8, or not TOML
            raise self._unusable_file(self.file, error) from None
        for each, kind in all_settings():
            value = found.get(each.name)
            if kind.is_path and isinstance(value, str) and value:
                # The path is relative to the folder of the settings file, and not to the current folder.
                with suppress(RuntimeError):  # an unknown user (`~nobody`): `parse` will raise for the value
                    found[each.name] = str(self._folder / Path(value).expanduser())
        return found

    def _unusable_file(self, path: Path, error: Exception) -> SettingsError:
        source = "--settings" if self.named_file is not None else "the project's folder"
        return SettingsError("settings", str(path), f"a readable TOML file ({error})", source)


def _kind(name: str) -> Kind:
    return next(kind for each, kind in all_settings() if each.name == name)


def _parse(name: str, kind: Kind, value: Any, source: str) -> Any:
    try:
        return kind.parse(value)
    except (ValueError, TypeError):
        raise SettingsError(name, "***" if kind.is_secret else kind.shown(value), kind.expected, source) from None


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested tables: `pairing.cross_code` is another way to write `pairing_cross_code`."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        inner = _flat(value) if isinstance(value, dict) else None
        found |= {name: value} if inner is None else {f"{name}_{key}": each for key, each in inner.items()}
    return found
