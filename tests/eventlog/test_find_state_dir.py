"""Commands find the state folder of their project, wherever it is configured, and never use that of another project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from signaling_sidecar.cli import main
from signaling_sidecar.errors import NoStateDir
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.state_dir import Runtime, point_to, project_state_dir
from signaling_sidecar.inspection import connect, open_log
from tests.kit.inspection_log import TWO_PEERS, record, write_segment
from tests.kit.sidecar_command import PATIENCE_S

READERS = (["why"], ["log"], ["log", "export", "-"], ["tail", "--no-follow"])
ALL = (*READERS, ["rooms"], ["log", "clear"])


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project. The current folder is a subfolder of it."""
    (tmp_path / "app" / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "app" / "src" / "deep")
    return tmp_path / "app"


def state_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_segment(folder / "events-b00t-0001.jsonl", TWO_PEERS)
    return folder


def other_project(tmp_path: Path) -> Path:
    """Create the state folder of another project. It is newer than all existing state folders."""
    (tmp_path / "other").mkdir()
    return state_in(project_state_dir(tmp_path / "other"))


def runs_with(folder: Path, project: Path) -> None:
    """Write a `runtime.json` as if this process was a sidecar that runs in this project."""
    state_dir.write_runtime(folder, Runtime("http://127.0.0.1:9", os.getpid(), "b00t", "0", str(project), "token"))


def place_of(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The path of the state folder that `sidecar log` uses and prints."""
    assert main(["log", *options]) == 0
    return capsys.readouterr().out.splitlines()[0]


def test_the_project_is_the_nearest_parent_folder_with_a_state(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = state_in(project_state_dir(app))
    state_in(project_state_dir(app.parent))
    assert place_of(capsys) == str(own)
    assert open_log().path == str(own)


def test_an_app_that_only_had_a_sidecar_for_tests_does_not_hide_the_log_of_its_repository(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = state_in(project_state_dir(app.parent))
    of_app = project_state_dir(app)
    of_app.mkdir()
    (of_app / state_dir.TESTS_FILE).write_text('{"pid": 1, "stateDir": "/tmp/signaling-test", "id": "1"}')
    assert place_of(capsys) == str(own)


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_the_state_of_another_project_is_never_used_implicitly(
    tmp_path: Path, app: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    other = other_project(tmp_path)
    assert main(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sidecar: no sidecar has run for ")
    assert "--project or --state-dir" in said.err
    assert len(said.err.splitlines()) == 1
    for asked in (["--state-dir", str(other)], ["--project", str(tmp_path / "other")]):
        assert place_of(capsys, *asked) == str(other)


def test_the_notebook_and_the_doctor_do_not_use_it_either(
    tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_project(tmp_path)
    for ask in (open_log, connect):
        with pytest.raises(NoStateDir, match="no sidecar has run for"):
            ask()
    assert main(["doctor"]) == 1
    assert "no sidecar is running for this project" in capsys.readouterr().out


@pytest.mark.parametrize("said", ["variable", "file", "a relative path in the file", "flag of the last start"])
def test_a_configured_state_folder_is_found_by_every_command(
    tmp_path: Path, app: Path, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other_project(tmp_path)
    state_in(project_state_dir(app))  # an earlier start without the setting has left this folder
    elsewhere = state_in(tmp_path / "elsewhere")
    if said == "variable":
        monkeypatch.setenv("SIDECAR_STATE_DIR", str(elsewhere))
    elif said == "file":
        (app / "sidecar.toml").write_text(f"state_dir = {json.dumps(str(elsewhere))}\n")
    elif said == "a relative path in the file":
        (app / "sidecar.toml").write_text('max_rooms = "wrong, but nothing that this asks"\nstate_dir = "../elsewhere"')
    else:
        point_to(elsewhere, app)
    for command in READERS:
        assert main(command) == (1 if command == ["why"] else 0)  # no peers are known to be connected
        assert str(elsewhere) in capsys.readouterr().err
    assert place_of(capsys) == str(elsewhere)
    assert open_log().path == str(elsewhere)
    assert main(["rooms"]) == 2
    assert f"no sidecar is running with the state folder {str(elsewhere)!r}" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["--state-dir", "SIDECAR_STATE_DIR", "sidecar.toml", "--settings"])
def test_commands_find_a_sidecar_that_was_started_with_another_state_folder(
    tmp_path: Path, app: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere, toml = tmp_path / "elsewhere", tmp_path / "own.toml"
    flags = {"--state-dir": [how, str(elsewhere)], "--settings": [how, str(toml)]}.get(how, [])
    environment = {how: str(elsewhere)} if how == "SIDECAR_STATE_DIR" else {}
    if how in ("sidecar.toml", "--settings"):
        (app / how if how == "sidecar.toml" else toml).write_text(f"state_dir = {json.dumps(str(elsewhere))}")
    with serving(app, *flags, **environment):
        assert main(["rooms"]) == 0
        assert "there are no rooms" in capsys.readouterr().out
        connect().close()
        assert str(elsewhere) in capsys.readouterr().out
    assert place_of(capsys) == str(elsewhere)
    if how.startswith("--"):
        (project_state_dir(app) / "anything").touch()
        with serving(app):
            assert place_of(capsys) == str(project_state_dir(app))


@contextmanager
def serving(project: Path, *flags: str, **environment: str) -> Iterator[None]:
    command = [sys.executable, "-m", "signaling_sidecar", "serve", "--port", "0", *flags]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=project, stdout=pipe, stderr=pipe, env=os.environ | path | environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def test_a_missing_state_folder_is_an_error_and_no_older_state_is_used(
    tmp_path: Path, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state_in(project_state_dir(app))
    gone = tmp_path / "gone"
    point_to(gone, app)
    for command in ALL:
        assert main(command) == 2
        assert (
            f"there is no state folder {str(gone)!r} (used by the last start of the project" in capsys.readouterr().err
        )
    monkeypatch.setenv("SIDECAR_STATE_DIR", str(gone))
    assert main(["tail", "--no-follow"]) == 2
    assert "(configured by SIDECAR_STATE_DIR)" in capsys.readouterr().err
    assert main(["tail", "--state-dir", str(tmp_path / "typo")]) == 2
    with pytest.raises(NoStateDir):
        connect(tmp_path / "typo")
    assert main(["log", "--project", str(tmp_path / "no-such-project")]) == 2


@pytest.mark.parametrize("option", ["--project", "--state-dir", "--log"])
@pytest.mark.parametrize("place", ["~nobody-of-this-name/app", "circle", "circle/app"])
def test_a_path_that_leads_nowhere_is_reported_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("circle").symlink_to("circle")
    assert main(["why", option, place]) == 2
    assert re.fullmatch(
        r"sidecar: .*(no sidecar has run for|no state folder|no event log|cannot be used).*\n", capsys.readouterr().err
    )


def test_a_folder_that_now_belongs_to_another_project_is_not_used(
    tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    began = record(1, 0.0, "log.header", data={"boot": "b", "segment": 1, "project": str(tmp_path / "other")})
    write_segment(shared / "events-b00t-0001.jsonl", [began])
    point_to(shared, app)
    assert main(["why"]) == 2
    assert f"now belongs to another project, {str(tmp_path / 'other')!r}" in capsys.readouterr().err


def test_in_a_monorepo_the_running_sidecar_of_the_root_is_used_as_by_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, app = tmp_path / "repository", tmp_path / "repository" / "apps" / "shop"
    app.mkdir(parents=True)
    monkeypatch.chdir(app)
    of_root, of_app = state_in(project_state_dir(root)), state_in(project_state_dir(app))
    runs_with(of_root, root)
    assert place_of(capsys) == str(of_app)  # nothing shows that the app is a part of the repository
    for mark in (".git", "pnpm-workspace.yaml"):
        (root / mark).touch()
        assert place_of(capsys) == str(of_root)
        (root / mark).unlink()
    (root / "package.json").write_text('{"workspaces": ["apps/*"]}')
    assert place_of(capsys) == str(of_root)
    state_dir.remove_runtime(of_root)
    assert place_of(capsys) == str(of_app)


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The state folders of two apps in a monorepo.

    Sidecars run in both, and the second folder is not at the default place. The current folder is the root of the
    monorepo.
    """
    root = tmp_path / "monorepo"
    web, admin = root / "apps" / "web", root / "apps" / "my admin"
    for folder in (web, admin):
        folder.mkdir(parents=True)
    (root / ".git").mkdir()
    monkeypatch.chdir(root)
    states = [state_in(project_state_dir(web)), state_in(tmp_path / "elsewhere")]
    point_to(states[1], admin)
    for state, project in zip(states, (web, admin), strict=True):
        runs_with(state, project)
    runs_with(other_project(tmp_path), tmp_path / "other")
    return states


RUNS = "but a sidecar runs in 'apps/my admin' and apps/web (--project 'apps/my admin')"


@pytest.mark.parametrize("command", [*ALL, ["doctor"]], ids=" ".join)
def test_in_the_root_of_a_monorepo_the_apps_in_which_sidecars_run_are_named(
    apps: list[Path], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == (1 if command == ["doctor"] else 2)
    assert f"no sidecar has run for {os.getcwd()!r} yet, {RUNS}: start one" in capsys.readouterr().err
    assert place_of(capsys, "--project", "apps/my admin") == str(apps[1])


def test_apps_whose_sidecars_have_ended_are_named_only_if_none_is_running(
    apps: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    state_dir.remove_runtime(apps[0])
    assert main(["why"]) == 2
    assert "yet, but a sidecar runs in 'apps/my admin' (--project 'apps/my admin'): " in capsys.readouterr().err
    begun = record(1, 0.0, "log.header", data={"boot": "b", "segment": 1, "project": str(Path("apps/web").resolve())})
    write_segment(apps[0] / "events-b00t-0001.jsonl", [begun])
    state_dir.remove_runtime(apps[1])
    assert main(["why"]) == 2
    assert "yet, but a sidecar has run in apps/web (--project apps/web): " in capsys.readouterr().err


def test_an_old_run_in_the_root_does_not_hide_the_sidecars_that_run_in_the_apps(
    apps: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path.cwd()
    of_root = state_in(project_state_dir(root))
    for command in [*ALL[:-1], ["doctor"]]:
        main(command)
        how = f"{of_root}: the state folder of the project {str(root)!r}, whose sidecar is not running, {RUNS}"
        assert how in capsys.readouterr().err.splitlines()
    runs_with(of_root, root)
    assert main(["why"]) == 1
    assert "apps" not in capsys.readouterr().err


def test_only_some_of_very_many_projects_are_named(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(7):
        project = app.parent / "all" / f"app{number}"
        project.mkdir(parents=True)
        runs_with(state_in(project_state_dir(project)), project)
    assert main(["why", "--project", str(app.parent / "all")]) == 2
    assert "app4 and 2 other folders (--project " in capsys.readouterr().err


def test_a_repository_within_another_projects_folder_is_a_project_of_its_own(
    tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state_in(project_state_dir(tmp_path))
    (app / ".git").mkdir()
    assert main(["log"]) == 2
    assert "no sidecar has run for" in capsys.readouterr().err


def test_a_new_app_below_a_folder_with_a_state_is_a_project_of_its_own(
    tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state_in(project_state_dir(tmp_path))  # a sidecar has run in the folder above all projects
    (app / "package.json").write_text("{}")  # a new project of `npm create vite` has no repository
    for command in ALL:
        assert main(command) == 2
        assert "no sidecar has run for" in capsys.readouterr().err


def test_a_linked_project_is_the_project(
    tmp_path: Path, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = state_in(project_state_dir(app))
    (tmp_path / "link").symlink_to(app)
    monkeypatch.chdir(tmp_path / "link" / "src")
    assert place_of(capsys) == str(own)
    monkeypatch.chdir(tmp_path)
    assert place_of(capsys, "--project", "link") == str(own)
    monkeypatch.setenv("SIDECAR_PROJECT", "link")
    assert place_of(capsys) == str(own)


def test_a_pointer_of_another_project_is_ignored(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = state_in(project_state_dir(app))
    for text in ("", "{", '{"state_dir": 5, "project": "x"}', '{"state_dir": "/", "project": "/elsewhere"}', "\udcff"):
        (own / "state-dir.json").write_text(text, errors="surrogateescape")
        assert place_of(capsys) == str(own)


def test_unreadable_settings_are_reported_in_one_sentence(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "sidecar.toml").write_text("state_dir = [")
    assert main(["why"]) == 2
    assert "settings must be a readable TOML file" in capsys.readouterr().err
