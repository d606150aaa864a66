"""The targets of all links in the documents exist, and so do the headings of PROTOCOLS.md that the code cites."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import NODEFAULT

from signaling_sidecar.dialects import Dialect
from signaling_sidecar.hub.commands import Single
from signaling_sidecar.hub.messages import Message
from signaling_sidecar.hub.rules import Joining, RoomRules
from tests.kit.checkout import FRONTEND, PROTOCOLS, ROOT
from tests.kit.readme import OPERATORS, READMES

DOCUMENTS = [*READMES, OPERATORS, PROTOCOLS, *sorted((ROOT / ".github").glob("*.md")), ROOT / "tests/bench/README.md"]
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
CODE = [ROOT / "sidecar", FRONTEND / "src", ROOT / "tests"]
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
CITATION = re.compile(r'(?:"([^"]+)" of )?(?<![/\w])PROTOCOLS\.md(?:,\s+(?:#\s+)?"([^"]+)")?')


def prose(document: Path) -> str:
    return re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The fragments of the headings in a document, as GitHub generates them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(prose(document))}


def citations() -> Iterator[tuple[Path, str]]:
    for folder in CODE:
        for path in sorted(path for suffix in ("py", "ts") for path in folder.rglob(f"*.{suffix}")):
            if path != Path(__file__):
                yield from ((path, "".join(found)) for found in CITATION.findall(path.read_text("utf-8")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_to_a_file_of_the_project_leads_to_that_file_and_heading(document: Path) -> None:
    for link in ("".join(found) for found in LINK.findall(prose(document))):
        if re.match(r"\w+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def test_the_code_cites_headings_that_the_protocols_have() -> None:
    headings = HEADING.findall(prose(PROTOCOLS))
    cited = list(citations())
    assert cited
    for path, heading in cited:
        assert heading, f"{path} cites no heading"
        assert any(each == heading or each.startswith(f"{heading}:") for each in headings), (path, heading)


def test_the_map_of_the_code_names_folders_and_files_that_exist() -> None:
    rows = re.findall(r"^\| `([\w/-]+/)` \|(.*)\|$", CONTRIBUTING.read_text("utf-8"), re.MULTILINE)
    assert rows
    for folder, text in rows:
        assert (ROOT / folder).is_dir(), folder
        for name in re.findall(r"`([\w/]+\.py)`", text):
            assert (ROOT / folder / name).is_file(), (folder, name)


def test_contributing_explains_the_whole_port_of_a_dialect() -> None:
    fields = {field.name for field in dataclasses.fields(Dialect)}
    groups = [type(field.default) for field in msgspec.structs.fields(RoomRules) if field.default is not NODEFAULT]
    rules = {field.name for group in (Joining, *groups) for field in msgspec.structs.fields(group)}
    commands = {command.__name__ for command in get_args(Single)} - {"Acknowledge", "Refuse"}  # may be unexplained
    messages = {message.__name__ for message in get_args(Message)}
    explained = set(re.findall(r"`(\w+)`", CONTRIBUTING.read_text("utf-8")))
    assert fields | rules | commands | messages <= explained
