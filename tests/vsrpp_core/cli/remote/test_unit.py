"""``vsrpp unit``: what systemd is given."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import make_info
from vsrpp_core.cli.main import main
from vsrpp_core.cli.remote.unit import unit
from vsrpp_core.run.folder import RunFolder, write_checkpoint_info


def test_it_resumes_this_run_with_this_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder(tmp_path / "my run")
    folder.create()
    assert main(["unit", str(folder.path)]) == 1
    assert "no checkpoint to resume from" in capsys.readouterr().err
    folder.checkpoint(7).write_bytes(b"x")
    write_checkpoint_info(folder.path, make_info(7))
    assert main(["unit", str(folder.path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert f'ExecStart="{sys.executable}" -m vsrpp_core train "{folder.path}" --resume --restarts 3' in said
    assert said[0] == "# ~/.config/systemd/user/vsrpp-my-run.service"


def test_names_mean_themselves() -> None:
    text = unit(RunFolder(Path('/a%b/$c/"d"')), Path("/usr/bin/python3"))
    assert 'train "/a%%b/$$c/\\"d\\"" --resume' in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = tmp_path / "vsrpp-run.service"
    path.write_text(unit(RunFolder(tmp_path), Path(sys.executable)))
    done = subprocess.run(["systemd-analyze", "verify", "--user", path], capture_output=True, text=True)
    assert done.stderr == ""
