"""What the benchmarks make of what they measured, and what `make bench` makes of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.rig import every
from benchmarks.rig.ending import lives
from benchmarks.rig.keys import by_key, quantile
from benchmarks.rig.load import Ours, cores_of_others
from benchmarks.rig.windows import Window, compared, turns
from tests.helpers import ROOT, make_event
from vsrpp_core.messages import events as ev


def steps(begun: float, ended: float, seconds: float, first: int = 0) -> list[ev.Event]:
    """Every fifth step, each ``seconds`` after the one before."""
    count = int((ended - begun) / seconds) + 1
    return [
        make_event(ev.StepReported, time=begun + place * seconds, step=first + place) for place in range(0, count, 5)
    ]


def test_ratios_are_those_of_neighbours_whichever_comes_first() -> None:
    shown = turns(3)
    assert shown == [True, False, False, True, True, False]
    windows = [Window(on, 10.0 * n, 10.0 * n + 5, 0.5 if on else 0.0) for n, on in enumerate(shown)]
    paces = (0.10, 0.08, 0.10, 0.10, 0.20, 0.10)  # seconds a step: ratios of speed 0.8, 1 and 0.5
    told = [
        event for window, pace in zip(windows, paces, strict=True) for event in steps(window.begun, window.ended, pace)
    ]
    between = [make_event(ev.PhaseChanged, time=7.0, phase="saving")]
    figures = compared([*told, *between], windows)
    assert figures["ratios"] == [0.8, 1.0, 0.5] and figures["ratio"] == 0.8
    assert figures["with_screen_steps_per_s"] == 10.0 and figures["without_steps_per_s"] == 10.0
    assert (figures["screen_thread_on"], figures["screen_thread_off"]) == (0.1, 0.0)


def test_a_window_with_a_pause_is_not_compared() -> None:
    windows = [Window(True, 0, 5, 0), Window(False, 10, 15, 0)]
    pause = make_event(ev.PhaseChanged, time=12.0, phase="saving")
    with pytest.raises(SystemExit, match="the trainer was saving within a window"):
        compared([*steps(0, 5, 0.1), *steps(10, 15, 0.1), pause], windows)


def test_pairs_with_too_few_steps_are_left_out_unless_most_are() -> None:
    windows = [Window(on, 10.0 * n, 10.0 * n + 5, 0) for n, on in enumerate(turns(2))]
    slow, *rest = (steps(window.begun, window.ended, 0.7 if n == 0 else 0.1) for n, window in enumerate(windows))
    figures = compared([event for told in (slow, *rest) for event in told], windows)
    assert figures["ratios"] == [1.0] and figures["pairs_left_out"] == 1
    with pytest.raises(SystemExit, match="in a window of 1 of 1 pairs: this machine is too slow or too busy"):
        compared([*slow, *rest[0]], windows[:2])


def test_other_load_is_what_is_not_ours() -> None:
    assert cores_of_others((10.0, 100.0, 50.0), (20.0, 117.0, 55.0)) == 1.2
    assert cores_of_others((10.0, 100.0, 50.0), (20.0, 104.0, 55.0)) == 0.0  # clocks differ by a tick


def test_the_work_of_a_child_is_ours() -> None:
    ours = Ours()
    begun = ours.seconds()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert ours.seconds() - begun >= 0.25


def test_what_a_process_did_stays_counted_when_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    work = {os.getpid(): 1.0, 17: 4.0}
    monkeypatch.setattr("benchmarks.rig.load._tree", lambda pid: work.get(pid, 0.0))
    ours = Ours()
    assert ours.seconds() == 1.0
    ours.take_in(17)
    assert ours.seconds() == 5.0
    ours.let_go(17)
    del work[17]
    assert ours.seconds() == 5.0


def test_figures_of_each_key() -> None:
    assert by_key({"s": [0.3, 0.1, 0.2], "tab": [0.5]}) == {
        "s": {"n": 3, "p50_s": 0.2, "worst_s": 0.3},
        "tab": {"n": 1, "p50_s": 0.5, "worst_s": 0.5},
    }
    assert quantile([float(n) for n in range(100)], 0.99) == 99


RESULT = 'print(\'{"benchmark": "good"}\')'


def write(folder: Path, **codes: str) -> list[Path]:
    for name, code in codes.items():
        (folder / f"{name}.py").write_text(code)
    return [folder / f"{name}.py" for name in codes]


def test_all_benchmarks_run_and_each_fault_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripts = write(
        tmp_path,
        failing="import sys; sys.exit('no tmux')",
        silent="pass",
        chatty=f"print('begin'); {RESULT}",
        good=RESULT,
    )
    assert every.main(scripts) == 1
    printed, told = capsys.readouterr()
    assert '{"benchmark": "good"}' in printed.splitlines()
    assert told.splitlines()[-3:] == [
        "failing failed with status 1",
        "silent did not print one line of JSON that names its benchmark",
        "chatty did not print one line of JSON that names its benchmark",
    ]
    assert every.main(scripts[-1:]) == 0


def test_a_benchmark_that_does_not_end_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert every.main(write(tmp_path, endless="import time; time.sleep(300)"), limit=0.3) == 1
    assert "endless was ended after 0 s" in capsys.readouterr().err


def test_sigterm_to_all_benchmarks_ends_the_one_at_work(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"import os, time, pathlib; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(300)"
    command = [sys.executable, str(ROOT / "benchmarks/rig/every.py"), *map(str, write(tmp_path, endless=code))]
    with subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        end = time.monotonic() + 30
        while not (told.exists() and told.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        benchmark = psutil.Process(int(told.read_text()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not lives(benchmark)
