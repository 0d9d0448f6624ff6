"""The names for scripts: they stay, and do what docs/python-api.md shows."""

import inspect
import re
from pathlib import Path

import pytest

import vsrpp_core
from tests.conftest import MakeDataset
from tests.faults.job_kills import make_films
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
SIGNATURES = {
    "open_session": "run, data, *, start, demo=, overrides=, ranks=, checkpoint=, tune=, attended=",
    "upscale": "checkpoint, jobs, options=",
    "load_network": "path, hardware=",
    "jobs.plan": "sources, out, png=, overwrite=, span=",
    "jobs.Options": "encoding=, precision=, span=, rate=, to=, tile=, segment_seconds=, overwrite=, fresh=, force=, "
    "drop_tracks=, preview_every=, ensemble=",
}
"""Of each function the parameters, with = where there is a default."""


def parameters(function: object) -> str:
    told, keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            told.append("*")
        told.append(parameter.name + ("" if parameter.default is parameter.empty else "="))
    return ", ".join(told)


def test_functions_keep_their_parameters() -> None:
    for name, expected in SIGNATURES.items():
        function: object = vsrpp_core
        for part in name.split("."):
            function = getattr(function, part)
        assert parameters(function) == expected, name


def test_modules_have_what_scripts_need() -> None:
    assert issubclass(vsrpp_core.events.StepReported, vsrpp_core.events.Event)
    assert vsrpp_core.job_events.UpscaleFailed("film.mkv", "the disk is full").error
    vsrpp_core.commands.CommandQueue().put(vsrpp_core.commands.Stop())
    assert issubclass(vsrpp_core.errors.UsageError, vsrpp_core.errors.VsrppError)


def test_the_page_names_all_of_them() -> None:
    named = set(re.findall(r"`(\w+)[`(]", PAGE.partition("## Train")[0]))
    assert set(vsrpp_core._MODULES) <= named and set(vsrpp_core._MODULES) <= set(dir(vsrpp_core))


def test_other_names_are_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'vsrpp_core' has no attribute 'train'"):
        vsrpp_core.train  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError):
        from vsrpp_core import nothing  # type: ignore[attr-defined]  # noqa: F401


def test_the_examples_of_the_page_work(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    make_dataset(tmp_path / "dataset")
    make_films(tmp_path / "films", 1, 6)
    (tmp_path / "films" / "film0.mp4").rename("film.mkv")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "python-api.md", "exec"), names)
    told = capsys.readouterr().out
    assert "loss 0." in told and "film-3x.mkv: 6 frames" in told
    assert tuple(names["picture"].shape) == (1, 3, 108, 192)  # type: ignore[attr-defined]
