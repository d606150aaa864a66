"""If a project has its state folder in another place, Vite and every command that is run in the project find it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.kit.programs import Start
from tests.kit.sites import PLUGIN, sidecar_in, start_vite, write_project


def config(options: str) -> str:
    return f"import signaling from {json.dumps(str(PLUGIN))}\nexport default {{ plugins: [signaling({options})] }}\n"


async def test_the_commands_use_the_state_dir_of_the_plugin(start: Start, npm_package: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    folder = write_project(tmp_path / "app", config(json.dumps({"stateDir": str(elsewhere)})))
    sidecar = await sidecar_in(await start_vite(start, folder))
    assert sidecar.state_dir == elsewhere
    (folder / "src").mkdir(exist_ok=True)
    rooms = await start(["sidecar", "rooms"], folder / "src")
    await rooms.line("there are no rooms")
    await rooms.line(f"{elsewhere}: used by the last start of the project")
    why = await start(["sidecar", "why"], folder / "src")
    await why.line("no two peers have met in a room")


async def test_vite_finds_the_sidecar_whose_settings_file_names_another_folder(
    start: Start, npm_package: Path, tmp_path: Path
) -> None:
    folder = write_project(tmp_path / "app", config(""))
    (folder / "sidecar.toml").write_text(f"state_dir = {json.dumps(str(tmp_path / 'elsewhere'))}\n")
    sidecar = await sidecar_in(await start(["sidecar", "serve", "--port", "0"], folder))
    vite = await start_vite(start, folder)
    await vite.line(rf"using the sidecar that is already running \(pid {sidecar.pid}, {sidecar.url}\)")
