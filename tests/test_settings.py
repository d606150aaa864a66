"""Settings come from flags, the environment and a file, and an invalid value is one clear error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from signaling_sidecar.errors import SettingsError
from signaling_sidecar.settings import Settings, Sources
from tests.kit.settings_file import mount


def test_a_flag_takes_precedence_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("max_rooms = 1\nmax_connections = 2\ngrace_s = 3\n")
    environment = {"SIDECAR_MAX_ROOMS": "10", "SIDECAR_MAX_CONNECTIONS": "20"}
    settings = Sources({"max_rooms": "100", "project": str(tmp_path)}, environment).load()
    assert (settings.max_rooms, settings.max_connections, settings.grace_s) == (100, 20, 3.0)
    assert settings.port == Settings().port


def test_a_named_settings_file_must_exist(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    with pytest.raises(SettingsError, match="a readable TOML file"):
        Sources({}, {}, file).load()
    file.write_text('allow_origin = ["http://A.example:3000"]')
    assert Sources({}, {}, file).load().allow_origin == ("http://a.example:3000",)


@pytest.mark.parametrize(
    "text", ["a = 1\na = 2", "=", f"a = {'[' * 3000}"], ids=["twice", "no name", "nested too deeply"]
)
def test_a_file_that_is_not_toml_is_reported_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "sidecar.toml").write_text(text)
    with pytest.raises(SettingsError, match="a readable TOML file"):
        Sources({"project": str(tmp_path)}, {}).load()


def test_lists_are_repeated_flags_or_separated_by_commas(tmp_path: Path) -> None:
    environment = {"SIDECAR_ALLOW_HOST": "a.lan, b.lan", "SIDECAR_PROJECT": str(tmp_path)}
    assert Sources({}, environment).load().allow_host == ("a.lan", "b.lan")
    assert Sources({"allow_host": ["c.lan"]}, environment).load().allow_host == ("c.lan",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("port", "eighty"),
        ("port", "-1"),
        ("grace_s", "soon"),
        ("grace_s", "-1"),
        ("grace_s", "nan"),
        ("payloads", "some"),
        ("max_rooms", "0"),
        ("max_rooms", "1.5"),
        ("advice", "poetry"),
        ("allow_origin", ["localhost:3000"]),
        ("allow_origin", ["http://a.example/path"]),
        ("allow_host", ["a.example:80"]),
        ("allow_host", ["a.example."]),
        ("host", ""),
    ],
)
def test_the_error_for_an_invalid_value_names_the_setting_and_its_source(name: str, value: object) -> None:
    with pytest.raises(SettingsError) as error:
        Sources({name: value}, {}).load()
    flag = "--" + name.replace("_", "-")
    assert str(error.value).startswith(f"{name} must be ")
    assert str(error.value).endswith(f"not {value!r} (from {flag})")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("port", "a whole number from 0 to 65535"), ("hosted_idle_s", "seconds from 0 to 2592000")],
)
def test_the_error_for_an_invalid_number_says_which_numbers_are_valid(name: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be {expected}, not"):
        Sources({name: "-1"}, {}).load()


def test_an_unknown_setting_in_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("max_room = 1\n")
    with pytest.raises(SettingsError, match="max_room must be the name of a setting"):
        Sources({"project": str(tmp_path)}, {}).load()


def test_true_in_the_file_is_not_a_number(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("max_rooms = true\n")
    with pytest.raises(SettingsError, match="max_rooms"):
        Sources({"project": str(tmp_path)}, {}).load()


def test_a_secret_can_only_be_set_in_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    environment = {"SIDECAR_TURN_SECRET": "hush-hush", "SIDECAR_PROJECT": str(tmp_path)}
    settings = Sources({"ice_servers": ["turn:turn.example"]}, environment).load()
    assert settings.turn_secret == "hush-hush"
    assert "hush" not in repr(settings)
    (tmp_path / "sidecar.toml").write_text('turn_secret = "hush-hush"\n')  # Vite may serve this file to anybody
    with pytest.raises(SettingsError, match="given in the environment, as SIDECAR_TURN_SECRET, not '\\*\\*\\*'"):
        Sources({"project": str(tmp_path)}, {}).load()


def test_a_turn_server_without_a_secret_is_refused_because_browsers_would_throw() -> None:
    with pytest.raises(SettingsError, match="with SIDECAR_TURN_SECRET in the environment, not "):
        Sources({"ice_servers": ["stun:stun.example", "turn:turn.example"]}, {}).load()


@pytest.mark.parametrize("url", ["stun.example:3478", "http://stun.example", "turn:", "turn:user@turn.example"])
def test_an_ice_server_is_a_stun_or_turn_url(url: str) -> None:
    with pytest.raises(SettingsError, match="ice_servers must be a STUN or TURN server"):
        Sources({"ice_servers": [url]}, {}).load()


SECRET = "0123456789abcdef0123456789abcdef"
BY_TOKEN = {"SIDECAR_AUTH": "token", "SIDECAR_AUTH_TOKEN": SECRET}
BY_JWT = {
    "SIDECAR_AUTH": "jwt",
    "SIDECAR_JWT_ALGORITHM": "HS256",
    "SIDECAR_JWT_AUDIENCE": "a",
    "SIDECAR_JWT_SECRET": SECRET,
}


@pytest.mark.parametrize("environment", [BY_TOKEN, BY_JWT])
def test_complete_settings_for_tokens_are_accepted_and_show_no_secret(environment: dict[str, str]) -> None:
    settings = Sources({}, environment).load()
    assert settings.auth == environment["SIDECAR_AUTH"]
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"SIDECAR_AUTH": "token"},
            "auth_token must be in the environment as SIDECAR_AUTH_TOKEN, or in a file that auth_token_file names, but "
            "it is not set",
        ),
        (
            {**BY_TOKEN, "SIDECAR_AUTH_TOKEN": "short"},
            "auth_token must be at least 32 of the characters A-Z a-z 0-9 - . _ ~, such as the output of `openssl rand "
            "-hex 32`, not '***' (from SIDECAR_AUTH_TOKEN)",
        ),
        ({**BY_TOKEN, "SIDECAR_AUTH_TOKEN": "a b" * 20}, "auth_token must be at least 32 of the characters"),
        (
            {**BY_TOKEN, "SIDECAR_AUTH_TOKEN_FILE": "/x"},
            "auth_token_file must be left out, because auth_token is set too, not '/x' (from settings)",
        ),
        ({"SIDECAR_AUTH_TOKEN": SECRET}, "auth must be 'token', because auth_token is set, not 'none' (from settings)"),
        ({**BY_JWT, "SIDECAR_AUTH_TOKEN": SECRET}, "auth must be 'token', because auth_token is set, not 'jwt'"),
        ({**BY_JWT, "SIDECAR_AUTH": "none"}, "auth must be 'jwt', because jwt_algorithm is set, not 'none'"),
        ({**BY_JWT, "SIDECAR_JWT_SECRET": ""}, "jwt_secret must be a text of at least 32 characters"),
        ({**BY_JWT, "SIDECAR_JWT_ALGORITHM": "none"}, "jwt_algorithm must be one of HS256, RS256, ES256, not 'none'"),
        (
            {**BY_JWT, "SIDECAR_JWT_ALGORITHM": "RS256"},
            "jwt_secret must be left out, because RS256 needs a public key in jwt_key_file, not '***'",
        ),
        (
            {"SIDECAR_AUTH": "jwt", "SIDECAR_JWT_ALGORITHM": "ES256", "SIDECAR_JWT_AUDIENCE": "a"},
            "jwt_key_file must be a file with a public key, because jwt_algorithm is 'ES256', but it is not set",
        ),
        (
            {"SIDECAR_AUTH": "jwt", "SIDECAR_JWT_ALGORITHM": "ES256"},
            "jwt_audience must be set when auth is 'jwt', but it is not set",
        ),
        ({"SIDECAR_AUTH": "jwt"}, "jwt_algorithm must be set when auth is 'jwt', but it is not set"),
        ({"SIDECAR_TRUSTED_PROXIES": "caddy"}, "trusted_proxies must be IP addresses or networks"),
    ],
)
def test_settings_for_tokens_that_do_not_fit_are_refused(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        Sources({}, environment).load()
    assert str(error.value).startswith(sentence)
    assert SECRET not in str(error.value)


def test_trusted_proxies_are_addresses_or_networks() -> None:
    settings = Sources({"trusted_proxies": ["10.0.0.7, 172.18.0.1/16", "fd00::/8"]}, {}).load()
    assert settings.trusted_proxies == ("10.0.0.7/32", "172.18.0.0/16", "fd00::/8")


LEADS_NOWHERE = ["~nobody-of-this-name/x", "/tmp/\udcff", "a\0b"]


@pytest.mark.parametrize("path", LEADS_NOWHERE)
@pytest.mark.parametrize("name", ["project", "state_dir", "hooks"])
def test_an_invalid_path_is_reported_in_one_sentence_for_every_source(tmp_path: Path, name: str, path: str) -> None:
    file = tmp_path / "sidecar.toml"
    with pytest.raises(SettingsError, match="must be a"):
        Sources({name: path}, {}).load()
    with pytest.raises(SettingsError, match="must be a"):
        Sources({}, {f"SIDECAR_{name.upper()}": path}, file).load()
    if path.isascii():
        file.write_text(f"{name} = {json.dumps(path)}")
        with pytest.raises(SettingsError, match=f"{name} must be a"):
            Sources({}, {}, file).load()


def test_the_folder_of_the_project_must_exist(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "no-such-folder", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match="project must be a valid path to a folder that exists"):
            Sources({"project": str(path)}, {}).load()


@pytest.mark.parametrize("name", ["project", "state_dir", "hooks", "jwt_key_file"])
def test_a_path_with_links_in_a_circle_is_reported_in_one_sentence(tmp_path: Path, name: str) -> None:
    make_circle(tmp_path / "circle")
    for path in (tmp_path / "circle", tmp_path / "circle" / "below"):
        with pytest.raises(SettingsError, match="must be a"):
            Sources({"project": str(tmp_path), name: str(path)}, {}).load()


@pytest.mark.parametrize("name", ["hooks", "jwt_key_file", "auth_token_file"])
def test_a_file_that_is_read_again_when_it_changes_is_found_where_a_link_leads_then(tmp_path: Path, name: str) -> None:
    auth = {"hooks": {}, "jwt_key_file": {"auth": "jwt", "jwt_algorithm": "RS256", "jwt_audience": "a"}}
    flags = auth.get(name, {"auth": "token"}) | {"project": str(tmp_path), name: str(tmp_path / "file")}
    mount(tmp_path / "file", "1", "old")
    path = getattr(Sources(flags, {}).load(), name)
    mount(tmp_path / "file", "2", "new")
    assert path.read_text() == "new"


def make_folder(place: Path) -> None:
    place.mkdir()


def make_circle(place: Path) -> None:
    place.symlink_to(place)


def make_latin_1(place: Path) -> None:
    place.write_bytes(b"host = 'caf\xe9'")


@pytest.mark.parametrize("make", [make_folder, make_circle, make_latin_1])
def test_an_unreadable_settings_file_is_reported_in_one_sentence(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "sidecar.toml")
    with pytest.raises(SettingsError, match="settings must be a"):
        Sources({"project": str(tmp_path)}, {}).load()


@pytest.mark.parametrize("saved", [lambda text: text.encode("utf-8-sig"), lambda text: text.encode("utf-16")])
def test_a_settings_file_may_have_been_saved_on_windows(tmp_path: Path, saved: Callable[[str], bytes]) -> None:
    (tmp_path / "sidecar.toml").write_bytes(saved('max_rooms = 7\r\n\r\nallow_host = ["büro.example"]\r\n'))
    settings = Sources({"project": str(tmp_path)}, {}).load()
    assert (settings.max_rooms, settings.allow_host) == (7, ("xn--bro-hoa.example",))


def test_a_path_in_the_settings_file_is_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text('state_dir = "../state"\nhooks = "rules.py"\n')
    settings = Sources({"project": str(tmp_path)}, {}).load()
    assert (settings.state_dir, settings.hooks) == (tmp_path.parent / "state", tmp_path / "rules.py")


def test_a_relative_path_in_a_mounted_settings_file_leads_to_the_new_files_after_a_change(tmp_path: Path) -> None:
    for version in ("1", "2"):
        mount(tmp_path / "sidecar.toml", version, 'hooks = "rules.py"\n')
        (tmp_path / version / "rules.py").write_text(version)
        if version == "1":
            before = Sources({"project": str(tmp_path)}, {}).load().hooks
    assert before is not None
    assert before.read_text() == "2"
    assert Sources({"project": str(tmp_path)}, {}).load().hooks == before


def test_a_path_in_a_linked_settings_file_is_relative_to_the_folder_of_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "all.toml").write_text('hooks = "rules.py"\n')
    (tmp_path / "sidecar.toml").symlink_to("shared/all.toml")
    assert Sources({"project": str(tmp_path)}, {}).load().hooks == tmp_path / "shared" / "rules.py"


def test_an_unreadable_file_in_the_project_is_not_blamed_on_a_flag(tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text("max_rooms = = 1\n")
    with pytest.raises(SettingsError, match=r"from the project's folder\)$"):
        Sources({"project": str(tmp_path)}, {}).load()
    with pytest.raises(SettingsError, match=r"from --settings\)$"):
        Sources({}, {}, tmp_path / "sidecar.toml").load()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("is_named", [True, False])
def test_a_named_pipe_is_refused_instead_of_waiting_for_a_writer(tmp_path: Path, is_named: bool) -> None:
    pipe = tmp_path / "sidecar.toml"
    os.mkfifo(pipe)
    sources = Sources({"project": str(tmp_path)}, {}, pipe if is_named else None)
    with pytest.raises(SettingsError, match="it is not a regular file"):
        sources.load()
