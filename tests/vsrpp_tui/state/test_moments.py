"""What the charts carry: bounded, and without what a resumed or rolled back run takes again."""

from tests.helpers import make_event
from tests.vsrpp_tui.conftest import started
from vsrpp_core.messages import events as ev
from vsrpp_tui.state.moments import MOMENT_LIMIT, with_moment
from vsrpp_tui.state.run import RunState, reduce, replay


def saved(step: int) -> ev.CheckpointSaved:
    return make_event(ev.CheckpointSaved, step=step, kind="regular", is_best=False)


def test_a_run_that_goes_back_forgets_what_came_after() -> None:
    state = replay([started(step=0), saved(10), saved(20), make_event(ev.MarkPlaced, step=25, text="odd")])
    assert [(moment.step, moment.kind) for moment in state.moments] == [
        (10, "checkpoint"), (20, "checkpoint"), (25, "mark"),
    ]  # fmt: skip
    state = reduce(state, make_event(ev.RolledBack, step=30, to_step=20))
    assert [(moment.step, moment.kind) for moment in state.moments][-2:] == [(20, "checkpoint"), (20, "start")]
    state = reduce(state, started(step=10, resumed_from="checkpoint_step_10.pth"))
    assert [(moment.step, moment.kind) for moment in state.moments] == [(10, "checkpoint"), (10, "start")]
    assert reduce(state, started(step=0)).moments == ()


def test_checkpoints_make_room_for_what_a_person_did() -> None:
    moments = with_moment(RunState().moments, make_event(ev.MarkPlaced, step=1, text="first"))
    for step in range(2, MOMENT_LIMIT + 50):
        moments = with_moment(moments, saved(step))
    assert len(moments) == MOMENT_LIMIT and moments[0].kind == "mark" and moments[1].step == 51
