"""Fixtures that keep a test away from the user's own folders, and datasets small enough to train on in a second."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # networks as small as these wait longer for a second thread than it saves

import pytest

from tests import preloaded
from tests.helpers import write_dataset

MakeDataset = Callable[..., Path]


def pytest_configure(config: pytest.Config) -> None:
    """One server of preloaded programs for all workers, which inherit the name of its folder.

    Applications leave much garbage in circles: by the interpreter's own thresholds collecting it took a third of the
    time of the screens' tests, and with these an eighth.
    """
    gc.set_threshold(50_000, 20, 20)
    if not hasattr(config, "workerinput"):
        os.environ[preloaded.FOLDER] = tempfile.mkdtemp(prefix="vsrpp-tests-")
        os.environ[preloaded.OWNER] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(preloaded.FOLDER))


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """By patches of its own: a test may undo those of its ``monkeypatch`` halfway."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patches:
        for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            patches.setenv(name, str(home))
        patches.setenv("TERM", "xterm-256color")  # or a start screen would find something wrong with it
        yield


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """``write_dataset`` under the test's own folder."""

    def make(root: Path | None = None, **shape: Any) -> Path:
        return write_dataset(root or tmp_path / "data", **shape)

    return make


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """A terminal that closes is heard of, also where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
