"""Short forms of the campaigns that end trainings, resume them and count what they hold."""

from pathlib import Path

from tests.faults import resumes, signals, steps


def test_a_second_signal_costs_no_step(tmp_path: Path) -> None:
    tally = signals.campaign(tmp_path, 1, ways=(signals.by_a_second_signal_in_the_save,))
    assert (tally.tried, tally.wrong) == (1, [])


def test_all_of_the_state_is_as_undisturbed_after_a_resume(tmp_path: Path) -> None:
    tally = resumes.campaign(tmp_path, steps=2, workers=(0,))
    assert (tally.tried, tally.wrong) == (2, [])


def test_steps_leave_nothing_behind(tmp_path: Path) -> None:
    tally = steps.campaign(tmp_path, 400)
    assert (tally.tried, tally.wrong) == (4, [])
