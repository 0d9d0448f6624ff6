"""Rules that the tests keep among themselves."""

import ast

from tests.helpers import ROOT


def test_no_test_module_imports_from_another() -> None:
    """What two of them need stands in a conftest or a helper beside them, so that each can be moved and run alone."""
    offences = [
        f"{path.relative_to(ROOT)} imports from {node.module}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    ]
    assert offences == []
