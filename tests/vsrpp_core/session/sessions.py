"""Sessions on a tiny dataset run to their end, their events collected."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from tests.helpers import TINY
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.session.session import Session, open_session

E = TypeVar("E", bound=ev.Event)


def collect(
    session: Session,
    react: Callable[[ev.Event], Iterable[cmd.Command]] = lambda event: (),
    first: Iterable[cmd.Command] = (),
) -> list[ev.Event]:
    """All events; commands that ``react`` gives to an event are put into the queue as a screen would."""
    queue = cmd.CommandQueue()
    for command in first:
        queue.put(command)
    events = []
    for event in session.events(queue):
        events.append(event)
        for command in react(event):
            queue.put(command)
    return events


def of(events: list[ev.Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def train(
    run: Path,
    data: Path,
    start: str = "fresh",
    react: Callable[[ev.Event], Iterable[cmd.Command]] = lambda event: (),
    **settings: Any,
) -> list[ev.Event]:
    overrides = {**TINY, **{key.replace("__", "."): value for key, value in settings.items()}}
    return collect(open_session(run, data, start=start, overrides=overrides), react)  # type: ignore[arg-type]


def figures(step: ev.StepReported) -> tuple[float, ...]:
    return (
        step.loss_l1, step.loss_ms, step.loss_grad, step.loss_total, step.sharpness, step.gradient_norm,
        step.clip_norm, step.learning_rate, step.weight_l1, step.weight_ms, step.weight_grad,
    )  # fmt: skip
