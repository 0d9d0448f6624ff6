"""A recorded journal shown again: any place, any speed, nothing trained."""

from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.vsrpp_tui.conftest import NOT_UNDERSTOOD, started, step, validated
from tests.vsrpp_tui.pilot import SIZES, until
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter, encode
from vsrpp_tui.app.app import Farewell
from vsrpp_tui.app.watching import ReplayApp
from vsrpp_tui.screens.run.log import LogScreen
from vsrpp_tui.screens.run.watching import ReplayScreen
from vsrpp_tui.state.replay import FIRST_SPEED, LONGEST_GAP, SNAPSHOT_EVERY, SPEEDS, Player, Recording
from vsrpp_tui.state.run import replay

NIGHT = 8 * 3600.0


def recorded(steps: int = 600) -> list[ev.Event]:
    """Two sessions with a night between them, an event a second."""
    first: list[ev.Event] = [started(time=1e9, max_steps=steps)]
    for number in range(1, steps + 1):
        later = NIGHT if number > steps // 2 else 0.0
        first.append(step(number, time=1e9 + number + later, loss_total=1 / number))
        if number % 100 == 0:
            first.append(validated(number, time=1e9 + number + later + 0.5))
    first.append(ev.SessionFailed(step=steps, error="the end", checkpoint="", time=1e9 + steps + NIGHT + 1))
    return first


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with JournalWriter(tmp_path / "events.jsonl", step_every=1) as writer:
        for event in recorded():
            writer.handle(event)
    return tmp_path / "events.jsonl"


# the recording and its player


def test_the_state_at_any_place_is_that_of_the_events_before_it() -> None:
    events = recorded()
    recording = Recording(events)
    assert len(recording) == len(events) > 2 * SNAPSHOT_EVERY
    for count in (0, 1, SNAPSHOT_EVERY - 1, SNAPSHOT_EVERY, SNAPSHOT_EVERY + 1, len(events)):
        assert recording.state(count) == replay(events[:count])
    near = (300, replay(events[:300]))
    assert recording.state(310, near) == replay(events[:310]) and recording.state(290, near) == replay(events[:290])


def test_a_night_is_shortened() -> None:
    recording = Recording(recorded())
    assert recording.clock(len(recording)) == pytest.approx(601 + LONGEST_GAP, abs=2)


def test_time_passes_at_the_speed_and_ends_with_the_recording() -> None:
    events = recorded()
    player = Player(Recording(events))
    player.advance(1.0)
    assert player.position.speed == FIRST_SPEED and player.state.current_step == FIRST_SPEED
    player.change_speed(-len(SPEEDS))
    player.advance(3.0)
    assert player.position.speed == 1 and player.state.current_step == FIRST_SPEED + 3
    player.toggle()
    player.advance(100.0)
    assert player.state.current_step == FIRST_SPEED + 3 and not player.position.playing
    player.toggle()
    player.change_speed(len(SPEEDS))
    player.advance(1.0)
    assert player.position.speed == 1000 and player.state == replay(events)
    assert not player.position.playing and player.position.share == 1.0
    player.toggle()  # from the end: anew
    assert player.position.done == 0 and player.position.playing


def test_seeking_stays_within_the_recording_and_plays_on_from_there() -> None:
    events = recorded()
    player = Player(Recording(events))
    player.seek_by(0.5)
    assert player.position.done == round(0.5 * len(events)) and player.state == replay(events[: player.position.done])
    player.seek_by(-0.01)
    assert player.position.done == round(0.5 * len(events)) - round(0.01 * len(events))
    player.seek(-5)
    assert player.position.done == 0 and player.position.time == 0.0
    player.seek(10**9)
    assert player.position.done == len(events) and player.position.time == events[-1].time
    player.seek(101)  # started and a hundred steps
    player.change_speed(-len(SPEEDS))
    player.advance(2.0)
    assert player.state.current_step == 102


def test_a_short_recording_is_scrubbed_by_single_events() -> None:
    player = Player(Recording(recorded(3)))
    player.seek_by(0.01)
    assert player.position.done == 1
    player.seek_by(-0.01)
    assert player.position.done == 0


# the screen


def bar(pilot: Pilot[Farewell]) -> str:
    screens = [screen for screen in pilot.app.screen_stack if isinstance(screen, ReplayScreen)]
    return str(screens[0].query_one("#watch-bar", Static).render())


async def ready(pilot: Pilot[Farewell]) -> ReplayApp:
    """Standing still at the start."""
    app = pilot.app
    assert isinstance(app, ReplayApp)
    await until(pilot, lambda: app.player is not None and isinstance(app.screen, ReplayScreen))
    await pilot.press("space", "home")
    await until(pilot, lambda: "❚❚" in bar(pilot) and "  0 %" in bar(pilot))
    return app


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_marked_and_scrubbed_at_every_size(journal: Path, size: tuple[int, int]) -> None:
    async with ReplayApp(journal).run_test(size=size) as pilot:
        app = await ready(pilot)
        line = app.screen.query_one("#watch-bar", Static)
        assert " REPLAY " in bar(pilot) and len(bar(pilot)) <= line.content_size.width
        assert app.screen.region.contains_region(line.region) and line.region.height == 1
        await pilot.press(*["right"] * 30)
        await until(pilot, lambda: " 29 %" in bar(pilot))
        assert app.state.current_step > 150 and app.state.phase == "preparing"
        await pilot.press("left")
        await until(pilot, lambda: " 28 %" in bar(pilot))
        await pilot.press("end")
        await until(pilot, lambda: "100 %" in bar(pilot))
        assert app.state.failed and isinstance(app.screen, ReplayScreen)  # it is told in the log, not as if it were now
        await pilot.press("q")
    assert app.return_value == Farewell()


async def test_it_plays_and_its_speed_changes(journal: Path) -> None:
    async with ReplayApp(journal).run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("plus", "plus")
        await until(pilot, lambda: "100×" in bar(pilot))
        await pilot.press("minus")
        await until(pilot, lambda: " 50×" in bar(pilot))
        await pilot.press("p")
        await until(pilot, lambda: app.state.current_step > 5)
        assert "▶" in bar(pilot)


def told_of(app: ReplayApp, name: str) -> bool:
    return any(notice.message.startswith(name) for notice in app._notifications)


async def test_nothing_can_be_steered_and_the_reason_is_told(journal: Path) -> None:
    async with ReplayApp(journal).run_test(size=(80, 24), notifications=True) as pilot:
        app = await ready(pilot)
        for key, name in (("c", "Checkpoint"), ("v", "Validate"), ("enter", "Settings"), ("m", "Mark")):
            await pilot.press(key)
            await until(pilot, partial(told_of, app, name))
        assert all("this is a replay" in notice.message for notice in app._notifications)
        assert isinstance(app.screen, ReplayScreen)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))


async def test_an_empty_journal_says_so(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("torn")
    async with ReplayApp(tmp_path).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "has no event that this version knows" in bar(pilot))
        await pilot.press("right", "p", "end")


async def test_a_line_that_is_not_understood_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{line}\n" for line in (NOT_UNDERSTOOD, encode(step(7)))))
    app = ReplayApp(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.player is not None)
        await pilot.press("end")
        await until(pilot, lambda: app.state.current_step == 7)


def test_what_is_not_there_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist; name the events"):
        ReplayApp(tmp_path)
