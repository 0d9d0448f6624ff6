"""What a light part costs: a start screen or ``--help`` must not wait for torch."""

import subprocess
import sys

LIGHT = """
    vsrpp_core.cli.main vsrpp_core.cli.datasets.cache vsrpp_core.cli.datasets.check vsrpp_core.cli.runs.config
    vsrpp_core.cli.runs.demo vsrpp_core.cli.networks.evaluate vsrpp_core.cli.networks.export
    vsrpp_core.cli.runs.import_run vsrpp_core.cli.datasets.prepare vsrpp_core.cli.runs.train vsrpp_core.cli.runs.tune
    vsrpp_core.cli.networks.upscale vsrpp_core.errors vsrpp_core.messages.events vsrpp_core.messages.commands
    vsrpp_core.messages.journal vsrpp_core.run.config vsrpp_core.run.files vsrpp_core.run.folder
    vsrpp_core.messages.describe vsrpp_core.sinks.status_file vsrpp_core.sinks.training_log vsrpp_core.data.stacked
    vsrpp_core.cli.remote.ps vsrpp_core.cli.remote.status vsrpp_core.cli.remote.logs vsrpp_core.cli.remote.orders
"""


def loaded_by(code: str) -> set[str]:
    """Top-level names of everything that is loaded once ``code`` has run in a fresh process."""
    code = f"{code}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_messages_settings_and_folders_load_neither_torch_nor_a_screen() -> None:
    assert loaded_by(f"import {', '.join(LIGHT.split())}").isdisjoint(
        {"torch", "textual", "tensorboard", "skimage", "scipy", "av", "vsrpp_tui"}
    )


def test_the_help_of_all_verbs_loads_none_of_them() -> None:
    code = "from vsrpp_core.cli.main import make_parser; make_parser('').format_help()"
    assert loaded_by(code).isdisjoint({"torch", "numpy", "pydantic", "av"})


def test_the_help_of_a_verb_does_not_wait_for_torch() -> None:
    assert "torch" not in loaded_by("from vsrpp_core.cli.main import make_parser; make_parser()")


def test_the_core_loads_no_screen() -> None:
    loaded = loaded_by("import vsrpp_core.session.session, vsrpp_core.apply.evaluate, vsrpp_core.cli.runs.train")
    assert "torch" in loaded and loaded.isdisjoint({"textual", "textual_image", "vsrpp_tui"})


def test_importing_the_facade_loads_nothing() -> None:
    assert loaded_by("import vsrpp_core").isdisjoint({"torch", "numpy", "pydantic", "rich"})
    assert "torch" not in loaded_by("from vsrpp_core import commands, errors, events, job_events")
