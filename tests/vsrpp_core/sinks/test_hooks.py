"""Commands that are run when something happens: what they are told, and that nobody waits for them."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.helpers import make_event
from vsrpp_core.errors import SettingsError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import HooksConfig, RunConfig
from vsrpp_core.sinks.hooks import Hooks, hook_of, user_hooks_path

BEST = make_event(ev.ValidationFinished, step=500, ki_psnr=31.25, gain=float("nan"), is_best=True)
FAILED = make_event(ev.SessionFailed, error="the disk is full")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Writes down what it is told."""
    path = tmp_path / "my hook"
    path.write_text(f'#!/bin/sh\nprintenv VSRPP_EVENT VSRPP_KI_PSNR VSRPP_TEXT VSRPP_RUN > "{tmp_path}/env"\n'
                    f'echo "$1" >> "{tmp_path}/env"\ncat > "{tmp_path}/json"\n')  # fmt: skip
    path.chmod(0o755)
    return path


def test_a_command_is_told_the_event_and_no_shell_reads_its_words(tmp_path: Path, script: Path) -> None:
    hooks = Hooks(HooksConfig(on_best=f"'{script}' '$(echo a) b'"), "/runs/films")
    hooks.handle(BEST)
    hooks.handle(FAILED)
    assert list(hooks.close()) == []
    name, psnr, text, run, word = (tmp_path / "env").read_text().splitlines()
    assert (name, psnr, run, word) == ("ValidationFinished", "31.25", "/runs/films", "$(echo a) b")
    told = json.loads((tmp_path / "json").read_text(), parse_constant=pytest.fail)
    assert told["text"] == text and told["step"] == 500 and told["gain"] is None


def test_the_users_command_is_run_where_the_run_has_none(tmp_path: Path) -> None:
    path = user_hooks_path()
    path.parent.mkdir(parents=True)
    path.write_text(f"[hooks]\non_best = 'touch {tmp_path}/users'\non_failed = 'touch {tmp_path}/failed'\n")
    hooks = Hooks(HooksConfig(on_best=f"touch {tmp_path}/own"), "/runs/films")
    hooks.handle(BEST)
    hooks.handle(FAILED)
    assert list(hooks.close()) == []
    assert [(tmp_path / name).exists() for name in ("own", "users", "failed")] == [True, False, True]


def test_a_fault_in_the_users_file_is_told_once_and_holds_nothing_up(tmp_path: Path) -> None:
    path = user_hooks_path()
    path.parent.mkdir(parents=True)
    path.write_text("[hooks]\non_bst = 'true'\n")
    hooks = Hooks(HooksConfig(on_best=f"touch {tmp_path}/own"), "/runs/films")
    (told,) = hooks.failures()
    assert str(path) in told and "on_best" in told
    hooks.handle(BEST)
    assert list(hooks.close()) == [] and (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("event", "hook"),
    [
        (BEST, "on_best"),
        (make_event(ev.ValidationFinished, is_best=False), ""),
        (make_event(ev.SessionEnded, reason="completed"), "on_finished"),
        (make_event(ev.SessionEnded, reason="stopped"), ""),
        (FAILED, "on_failed"),
        (make_event(ev.RunLost), "on_failed"),
        (make_event(ev.CardThrottled), "on_throttled"),
        (make_event(ev.CoolingBegan), "on_throttled"),
        (make_event(ev.LearningRateReduced), "on_plateau"),
        (make_event(ev.RestartPlanned), "on_restarted"),
    ],
)
def test_each_event_has_its_hook(event: ev.Event, hook: str) -> None:
    assert hook_of(event) == hook and (not hook or hook in HooksConfig.model_fields)


def is_running(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    hooks = Hooks(HooksConfig(on_best=f"sh -c 'sleep 600 & echo $! > {tmp_path}/pid; wait'"), "run", seconds=1.5)
    hooks.handle(BEST)
    assert list(hooks.failures()) == [], "training does not wait"
    assert list(hooks.close()) == ["hooks.on_best: sh did not end within 1.5 seconds and was killed"]
    started, deadline = int((tmp_path / "pid").read_text()), time.monotonic() + 30
    while is_running(started):
        assert time.monotonic() < deadline


def test_what_fails_is_said_once_until_it_is_changed(tmp_path: Path) -> None:
    hooks = Hooks(HooksConfig(on_best="sh -c 'echo no mail >&2; exit 3'", on_failed=str(tmp_path / "none")), "run")
    for event in (BEST, BEST, FAILED):
        hooks.handle(event)
    hooks._waiting.put(None)
    hooks._thread.join()
    assert list(hooks.failures()) == [
        "hooks.on_best: sh failed with status 3: no mail",
        f"hooks.on_failed: {tmp_path}/none cannot be started (No such file or directory)",
    ]
    hooks.reconfigure(HooksConfig(on_best="false", on_failed=str(tmp_path / "none")))
    assert hooks._told == {"on_failed"}


@pytest.mark.parametrize(
    ("line", "reason"), [("mail 'me", "no closing quotation"), ("  ", "only blanks"), ("a\0b", "a zero byte")]
)
def test_a_command_must_be_words(line: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=rf"hooks\.on_best: must be words as in a shell \({reason}"):
        RunConfig().with_overrides({"hooks.on_best": line})


def test_what_no_program_can_be_told_costs_no_later_command(tmp_path: Path) -> None:
    hooks = Hooks(HooksConfig(on_failed="true", on_best=f"touch {tmp_path}/best"), "run")
    hooks.handle(make_event(ev.SessionFailed, error="half a letter: \ud800"))
    hooks.handle(BEST)
    (told,) = hooks.close()
    assert told.startswith("hooks.on_failed: true cannot be started") and (tmp_path / "best").exists()


@pytest.mark.parametrize("odd", [lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere")])
def test_what_lies_in_place_of_the_users_file_is_told(odd: Callable[[Path], None]) -> None:
    path = user_hooks_path()
    path.parent.mkdir(parents=True)
    odd(path)
    (told,) = Hooks(HooksConfig(), "run").failures()
    assert str(path) in told


def test_a_checkpoint_brings_no_commands() -> None:
    config = RunConfig().with_overrides({"hooks.on_best": "rm -r /", "training.max_steps": 7})
    restored = RunConfig.from_checkpoint(config.model_dump())
    assert restored.hooks == HooksConfig() and restored.training.max_steps == 7


def test_without_a_command_no_thread_is_started() -> None:
    hooks = Hooks(HooksConfig(), "run")
    hooks.handle(BEST)
    assert not hooks._thread.ident and list(hooks.close()) == []
