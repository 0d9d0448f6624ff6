"""What the start screen must not load: seconds of torch, tenths of a second of numpy and pillow."""

import subprocess
import sys

import pytest

CHECK = "import sys; import {module}; print(sorted(set({heavy!r}) & set(sys.modules)))"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("vsrpp_tui.cli", ("torch", "numpy", "PIL", "pydantic", "textual_image", "tensorboard")),
        ("vsrpp_tui.state.run", ("torch", "numpy", "textual")),
        ("vsrpp_tui.screens.run.training", ("torch", "vsrpp_core.training")),
    ],
)
def test_a_light_module_stays_light(module: str, heavy: tuple[str, ...]) -> None:
    code = CHECK.format(module=module, heavy=heavy)
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"
