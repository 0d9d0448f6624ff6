"""What the documents name exists: links, paths, options, settings; no room and no decision is missing from its list."""

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.helpers import ROOT
from vsrpp_core.cli.main import main
from vsrpp_core.run.config import RunConfig

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = ROOT / "docs" / "decisions"
FOLDERS = "vsrpp_core|vsrpp_tui|tests|benchmarks|docs"


def found(pattern: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Every place in a document that ``pattern`` fits, with the document's path from the root."""
    for path in DOCUMENTS:
        for match in re.finditer(pattern, path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), match


def test_links_lead_somewhere() -> None:
    links = [(name, link[1]) for name, link in found(r"\]\(([^)#:]+)(?:#[^)]*)?\)")]
    assert links and [(name, link) for name, link in links if not ((ROOT / name).parent / link).exists()] == []


def test_paths_of_the_project_exist() -> None:
    paths = [(name, path[1]) for name, path in found(rf"`((?:{FOLDERS})/[\w./-]+)`")]
    assert paths and [(name, path) for name, path in paths if not (ROOT / path).exists()] == []


def test_names_are_in_the_file_that_is_said_to_have_them() -> None:
    named = [(name, *place.groups()) for name, place in found(r"`(\w+)`\sin\s`([\w/]+\.py)`")]
    assert named
    missing = [
        (name, word, path)
        for name, word, path in named
        if (ROOT / path).exists() and not re.search(rf"\b{word}\b", (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_options_are_those_of_their_verb(capsys: pytest.CaptureFixture[str]) -> None:
    helps: dict[str, str] = {}
    unknown = []
    for name, command in found(r"\bvsrpp ([a-z]+)\b([^`\n]*)"):
        verb, rest = command.groups()
        if verb not in helps:
            with suppress(SystemExit):
                main([verb, "--help"])
            helps[verb] = capsys.readouterr().out
        options = re.findall(r"--[a-z][a-z-]*", rest)
        unknown += [(name, verb, option) for option in options if not re.search(rf"{option}\b", helps[verb])]
    assert len(helps) > 5 and unknown == []


def test_settings_exist() -> None:
    known = {setting.key for setting in RunConfig().settings()} | {"training.log", "hooks.toml"}  # those are files
    named = [(name, key[1]) for name, key in found(rf"(?:`|--set )((?:{'|'.join(RunConfig.model_fields)})\.\w+)")]
    assert named and [(name, key) for name, key in named if key not in known] == []


def test_documents_that_the_source_names_exist() -> None:
    sources = [path for package in ("vsrpp_core", "vsrpp_tui") for path in (ROOT / package).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"docs/[\w-]+\.md", path.read_text(encoding="utf-8"))}
    assert named and all((ROOT / name).exists() for name in named)


def test_the_map_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        path.parent.name for pattern in ("vsrpp_*/*", "vsrpp_*/*/*") for path in ROOT.glob(f"{pattern}/__init__.py")
    ]
    assert rooms and [room for room in rooms if f"{room}/`" not in text] == []


def test_every_decision_is_numbered_dated_and_listed() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    for number, page in enumerate(sorted(DECISIONS.glob("[0-9]*.md")), start=1):
        title, _, dated, *_ = page.read_text(encoding="utf-8").splitlines()
        assert page.name.startswith(f"{number:04}-") and title.startswith(f"# {number}. ")
        assert re.match(r"Decided \d{4}-\d\d-\d\d\b", dated), page.name
        assert f"[{title.removeprefix('# ')}]({page.name})" in index
