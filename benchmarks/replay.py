"""A journal of three days shown again: how long until the screen is whole, what it takes of memory, what stands still.

100,000 steps with all that a long run tells, made up. `--replay` and `--attach` in a terminal, each from the command
on, and a run that goes on in the application: until its old curves are there, and how late a 50 ms timer was
meanwhile. Prints one JSON line: seconds (medians) and MB (the most held).
"""

import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rig.load import OtherLoad
from benchmarks.rig.memory import peak_memory
from benchmarks.rig.probed import Probed, reported, run
from benchmarks.rig.terminal import Terminal
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import encode
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.threads.session import Worker

STEPS, SECONDS = 100_000, 2.6
JOURNAL_EVERY, ACTIVITY_EVERY, ADAPTED_EVERY, VALIDATE_EVERY, SAVE_EVERY = 10, 100, 50, 500, 1_000
SAMPLES = 12
GIB = 2**30
ROUNDS = 3


def write_journal(path: Path) -> int:
    """Write it; the number of its lines."""
    lines = [encode(event) for event in story(path.parent)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def story(run: Path) -> list[ev.Event]:
    events: list[ev.Event] = [_started(run)]
    for step in range(JOURNAL_EVERY, STEPS + 1, JOURNAL_EVERY):
        now = 1.7e9 + SECONDS * step
        events.append(_step(step, now))
        if step % ADAPTED_EVERY == 0:
            events.append(
                ev.WeightsAdapted(
                    time=now, step=step, reason="blurred", sharpness=0.7, aggressive=False, weight_l1=0.5,
                    weight_ms=0.15, weight_grad=0.35,
                )
            )  # fmt: skip
        if step % ACTIVITY_EVERY == 0:
            trunk = tuple(0.1 + 0.01 * i for i in range(16))
            fusions = (0.1, 0.2, 0.05)
            events.append(
                ev.ActivityMeasured(time=now, step=step, backward_trunk=trunk, forward_trunk=trunk, fusions=fusions)
            )
        if step % VALIDATE_EVERY == 0:
            events += _validation(step, now)
        if step % SAVE_EVERY == 0:
            name = f"checkpoint_step_{step}.pth"
            events.append(
                ev.CheckpointSaved(
                    time=now, step=step, kind="regular", name=name, size=95_000_000, seconds=0.5, is_best=False
                )
            )
    return events


def _started(run: Path) -> ev.SessionStarted:
    return ev.SessionStarted(
        time=1.7e9, run=str(run), data="data", version="0", device="NVIDIA GeForce RTX 3060", device_memory=12 * GIB,
        precision="bf16", precision_reason="", resumed_from="", step=0, max_steps=STEPS, steps_per_epoch=3_120,
        train_samples=12_480, val_samples=340, n_feats=128, n_blocks=32, n_frames=5, parameters=7_000_000, batch_size=4,
        accumulation=1, lr_height=180, lr_width=180, validate_every=VALIDATE_EVERY, checkpoint_every=10_000,
        best_quality=0.0, best_step=0, lr_max=1e-4, lr_min=1e-6, warmup_steps=1_000,
    )  # fmt: skip


def _step(step: int, now: float) -> ev.StepReported:
    loss = 0.02 + 0.03 * math.exp(-step / 20_000) + 0.004 * math.sin(step)
    return ev.StepReported(
        time=now, step=step, epoch=1 + step // 3_120, epoch_step=step % 3_120, loss_l1=loss, loss_ms=0.7 * loss,
        loss_grad=0.5 * loss, loss_total=0.8 * loss, weight_l1=0.5, weight_ms=0.15, weight_grad=0.35, sharpness=0.8,
        aggressive=False, learning_rate=1e-4 * (1 - step / STEPS) + 1e-6, lr_phase=1,
        gradient_norm=0.4 + 0.1 * math.cos(step), clip_norm=0.8, skipped_steps=0,
        seconds_per_step=SECONDS, samples_per_second=4 / SECONDS, data_wait=0.01,
        memory_used=7 * GIB, memory_peak=8 * GIB, memory_total=12 * GIB, host_used=5 * GIB, host_total=32 * GIB,
    )  # fmt: skip


def _validation(step: int, now: float) -> list[ev.Event]:
    gain = 1.5 * (1 - math.exp(-step / 20_000))
    pictures = [
        ev.ComparisonWritten(
            time=now, step=step, sample=f"{i}.png", path=f"pictures/{i}.png", lr_psnr=28.0, ki_psnr=29.0
        )
        for i in range(SAMPLES)
    ]
    finished = ev.ValidationFinished(
        time=now, step=step, samples=340, seconds=60.0, lr_psnr=28.2, lr_ssim=0.867, lr_quality=0.461,
        ki_psnr=28.2 + gain, ki_ssim=0.889, ki_quality=0.494, is_best=False, best_quality=0.494, best_step=500,
    )  # fmt: skip
    phases = [ev.PhaseChanged(time=now, phase=phase, step=step) for phase in ("validating", "training")]
    return [phases[0], *pictures, finished, phases[1]]


class Idle(Worker):
    """A session that says nothing: only what comes before it is looked at."""

    def _work(self) -> None:
        pass


class Resumed(Probed):
    """Goes on with a run as soon as it stands, and ends once the run's old curves are there."""

    def __init__(self, run: Path) -> None:
        super().__init__(Choice(run, None))
        self._wanted_at = self.there_after = 0.0

    def on_ready(self) -> None:
        super().on_ready()
        self.set_timer(1.0, self._go_on)

    def _go_on(self) -> None:
        self._wanted_at = time.monotonic()
        self.screen.post_message(StartScreen.TrainingWanted(self._choice, fresh=False))
        self.set_interval(0.01, self._look)

    def _look(self) -> None:
        if self.state.curves.loss_total.points and not self.there_after:
            self.there_after = time.monotonic() - self._wanted_at
            self.set_timer(1.0, self.exit)

    def figures(self) -> dict[str, object]:
        late = [late for moment, late in self.ticks if moment >= self._wanted_at]
        return {"there_s": self.there_after, "late_worst_s": max(late)}


def watched(option: str, path: Path, words: str, folder: str) -> tuple[float, float]:
    """Seconds from the command until ``words`` stand on the screen, and MB."""
    start = time.monotonic()
    command = [sys.executable, "-m", "vsrpp_tui", option, str(path)]
    with Terminal(command, {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}) as terminal:
        seconds = terminal.until(words) - start
        terminal.watch(1.0)
        return seconds, peak_memory(terminal.pid)


def gone_on(run_: Path, folder: str) -> dict[str, float]:
    report = Path(folder) / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, __file__, str(run_), str(report)]
    with Terminal(command, {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}) as terminal:
        figures: dict[str, float] = reported(terminal, report)
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "run"
        place.mkdir()
        count = write_journal(place / "events.jsonl")
        size = (place / "events.jsonl").stat().st_size
        load = OtherLoad()
        replayed = [watched("--replay", place / "events.jsonl", "▶", folder) for _ in range(ROUNDS)]
        attached = [watched("--attach", place, "no process trains it now", folder) for _ in range(ROUNDS)]
        resumed = [gone_on(place, folder) for _ in range(ROUNDS)]
        others = load.tell()
    figures = {
        "lines": count,
        "journal_mb": round(size / 1e6, 1),
        "replay_s": round(statistics.median(seconds for seconds, _ in replayed), 2),
        "replay_mb": max(memory for _, memory in replayed),
        "attach_s": round(statistics.median(seconds for seconds, _ in attached), 2),
        "attach_mb": max(memory for _, memory in attached),
        "resume_s": round(statistics.median(one["there_s"] for one in resumed), 2),
        "resume_late_worst_s": round(statistics.median(one["late_worst_s"] for one in resumed), 3),
        **others,
    }
    print(json.dumps({"benchmark": "replay", **figures}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import vsrpp_tui.app.app

        vsrpp_tui.app.app.Worker = Idle  # type: ignore[attr-defined]
        run(Resumed(Path(sys.argv[1])), Path(sys.argv[2]))
    else:
        main()
