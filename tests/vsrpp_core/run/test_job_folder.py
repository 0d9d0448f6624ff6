"""The folder of a long job: whose work it holds, and that a kill while clearing it does no harm."""

import json
from pathlib import Path

import pytest

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.run.job_folder import JOB_NAME, LOCK_NAME, JobFolder


class Counting(JobFolder):
    suffix = ".counting"

    @property
    def is_begun(self) -> bool:
        return any(self.path.glob("part*"))


def begun(out: Path, **job: int) -> Counting:
    folder = Counting(out)
    with folder:
        folder.open_for(job, fresh=False)
        (folder.path / "part1").touch()
        (folder.path / "part2").touch()
    return folder


def test_finished_work_is_kept_for_the_same_job_and_refused_to_another(tmp_path: Path) -> None:
    folder = begun(tmp_path / "out", seed=1, size=3)
    with folder:
        folder.open_for({"size": 3, "seed": 1}, fresh=False)
        assert (folder.path / "part1").exists()
        with pytest.raises(UsageError, match=r"part of out, made with another seed, tile; .* or --fresh"):
            folder.open_for({"seed": 2, "size": 3, "tile": 1}, fresh=False)
        assert (folder.path / "part1").exists()
        folder.open_for({"seed": 2}, fresh=True)
        assert sorted(path.name for path in folder.path.iterdir()) == [LOCK_NAME, JOB_NAME]
        assert json.loads((folder.path / JOB_NAME).read_text()) == {"format": 1, "seed": 2}
    assert not folder.path.exists()


def test_what_another_job_left_unfinished_is_removed(tmp_path: Path) -> None:
    folder = Counting(tmp_path / "out")
    with folder:
        folder.open_for({"seed": 1}, fresh=False)
        (folder.path / "half").mkdir()
        folder.open_for({"seed": 2}, fresh=False)
        assert not (folder.path / "half").exists()


def test_a_description_that_cannot_be_read_is_another_job(tmp_path: Path) -> None:
    folder = begun(tmp_path / "out")
    (folder.path / JOB_NAME).write_text("{")
    with folder, pytest.raises(UsageError, match="made with another description"):
        folder.open_for({}, fresh=False)


def test_a_kill_while_clearing_leaves_the_work_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what is left would be taken for another job's, which comes next."""
    folder = begun(tmp_path / "out", seed=1)
    plain, removed = Path.unlink, list[str]()

    def unlink(path: Path, missing_ok: bool = False) -> None:
        removed.append(path.name)
        if len(removed) == 2:
            raise KeyboardInterrupt
        plain(path, missing_ok)

    with folder:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Path, "unlink", unlink)
            folder.open_for({"seed": 2}, fresh=True)
        with pytest.raises(UsageError, match="another seed"):
            folder.open_for({"seed": 2}, fresh=False)


def test_a_second_process_and_a_place_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(VsrppError, match=r"file/\.out\.counting cannot be written"),
        Counting(tmp_path / "file" / "out"),
    ):
        pass
    with Counting(tmp_path / "out"), pytest.raises(VsrppError, match="another process"), Counting(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
