"""Pairs of further videos for a dataset that exists: only those, only to train on, and all at once."""

from pathlib import Path

import pytest

from tests.conftest import MakeDataset
from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.cli.main import main
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.data.survey import survey
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare.job.addition import addition_to, recipe_for
from vsrpp_core.prepare.job.pipeline import add
from vsrpp_core.prepare.job.prepare_events import PrepareReport
from vsrpp_core.prepare.job.work_folder import PrepareFolder
from vsrpp_core.prepare.recipe import Recipe

from .preparing import everything, recipe, run


@pytest.fixture
def third(make_video: MakeVideo) -> Path:
    return make_video("c.mp4", pan(3, 10))


def added(wanted: Recipe, root: Path) -> PrepareReport:
    *_, report = add(wanted, root, addition_to(root, wanted))
    assert isinstance(report, PrepareReport)
    return report


def test_pairs_of_new_videos_come_after_all_others_and_validation_stays(
    make_video: MakeVideo, third: Path, tmp_path: Path
) -> None:
    root, two = tmp_path / "out", [make_video("a.mp4", pan(1, 20)), make_video("b.mp4", pan(2, 20))]
    made = run(two, root, skip__duplicate=3.0)
    before, first = everything(root), survey(root)
    (tmp_path / "0.mp4").write_bytes(two[0].read_bytes())
    shown = two[0] if two[0].name in made.val_videos else two[1]
    longer = make_video(f"more-{shown.name}", pan(1 if shown == two[0] else 2, 20), codec_options={"crf": "11"})
    with pytest.raises(VsrppError, match="0 training"):  # all of it shows what is validated on
        longer.rename(shown)
        added(recipe([shown], skip__duplicate=3.0), root)
    report = added(recipe([tmp_path / "0.mp4", third]), root)
    found = survey(root)
    assert found.val == first.val and found.train[: len(first.train)] == first.train and report.val == 0
    new = found.train[len(first.train) :]
    assert len(new) == report.train > 0 and {pair.addition for pair in new} == {1}
    assert all(pair.name.startswith("Added/0001/c_") for pair in new), "a copy is known by its bytes"
    assert before.items() <= everything(root).items() and not addition_to(root, recipe([third])).videos
    *_, checked = check(root)
    assert isinstance(checked, CheckReport) and not checked.problems and checked.train == len(found.train)


def test_what_no_network_could_take_beside_it_is_refused(
    make_dataset: MakeDataset, third: Path, tmp_path: Path
) -> None:
    with pytest.raises(VsrppError, match=r"is not a folder.*without --add"):
        addition_to(tmp_path / "none", recipe([third]))
    with pytest.raises(UsageError, match=r"5 frames at scale 3.*--frames 5 --scale 3"):
        addition_to(make_dataset(), recipe([third]))


def test_a_kill_before_and_after_it_appears(make_dataset: MakeDataset, third: Path) -> None:
    root, wanted = make_dataset(), recipe([third], dataset__frames=5)
    addition = addition_to(root, wanted)
    steps = add(wanted, root, addition)
    next(steps)
    steps.close()
    assert not addition.folder.exists() and addition_to(root, wanted) == addition
    added(wanted, root)
    with PrepareFolder(addition.folder) as work:  # as a kill leaves it between the rename and the end
        work.selection.write_text("[]")
    (third.parent / "d.mp4").write_bytes(b"new")
    after = addition_to(root, recipe([third, third.parent / "d.mp4"], dataset__frames=5))
    assert (after.folder.name, [named.path.name for named in after.videos]) == ("0002", ["d.mp4"])
    assert not work.path.exists()


def test_by_the_recipe_of_the_dataset(
    make_dataset: MakeDataset, third: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset()
    (root / "recipe.toml").write_text(recipe([Path("gone.mp4")], dataset__frames=5).to_toml())
    command = ["prepare", "--add", str(third), "--out", str(root)]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "Added/0001: " in told and "next epoch begins" in told
    assert main(command) == 0 and "nothing was added" in capsys.readouterr().out
    made = Recipe.load(root / "Added" / "0001" / "recipe.toml")
    assert made.dataset.patch == 36 and made.category["general"].paths == [str(third)]
    assert recipe_for(root.parent, ["x.mp4"]).category["general"].paths == ["x.mp4"]
