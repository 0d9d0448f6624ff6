"""Rules of the tree that no linter knows: folders without circles, names of modules, what tests import."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.helpers import ROOT

PACKAGES = ("vsrpp_core", "vsrpp_tui")


def test_no_test_module_imports_from_another() -> None:
    """What two of them need stands in a conftest or a helper beside them, so that each can be moved and run alone."""
    offences = [
        f"{path.relative_to(ROOT)} imports from {node.module}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    ]
    assert offences == []


def arrows() -> set[tuple[str, str]]:
    """Which folder of the two packages imports from which other one; imports inside functions count."""
    found = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in imported(node):
                target = ROOT / module.replace(".", "/")
                folder = target if target.is_dir() else target.parent
                if folder != path.parent:
                    found.add((str(path.parent.relative_to(ROOT)), str(folder.relative_to(ROOT))))
    return found


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        places = (
            [f"{node.module}.{name.name}" for name in node.names] if node.module in PACKAGES else [str(node.module)]
        )
    else:
        places = [name.name for name in node.names] if isinstance(node, ast.Import) else []
    return [place for place in places if place.partition(".")[0] in PACKAGES]


def test_no_folder_imports_from_one_that_imports_from_it() -> None:
    """Not even by way of others. The package's own folder is no room: it holds the facade, the errors and __main__."""
    rooms = {(one, other) for one, other in arrows() if one not in PACKAGES and other not in PACKAGES}
    try:
        list(TopologicalSorter({one: {b for a, b in rooms if a == one} for one, _ in rooms}).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_no_folder_has_more_modules_than_a_person_can_survey() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in sources() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > 14} == {}


def test_a_name_of_a_module_of_the_core_means_one_thing() -> None:
    """Only a verb has the name of the work that it starts."""
    core = [path for path in sources() if path.is_relative_to(ROOT / "vsrpp_core") and not path.name.startswith("__")]
    names = Counter(path.stem for path in core if not path.is_relative_to(ROOT / "vsrpp_core" / "cli"))
    assert [name for name, count in names.items() if count > 1] == []
