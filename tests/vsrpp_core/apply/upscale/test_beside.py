"""Order, bounds and ends of the threads beside the network."""

import threading
from collections.abc import Generator
from contextlib import closing
from threading import Event

import pytest

from vsrpp_core.apply.upscale.beside import Behind, ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("ahead", "behind"))]


def test_items_come_in_order_and_no_more_than_wanted_are_made_ahead() -> None:
    made, ended = list[int](), list[str]()

    def items() -> Generator[int, None, None]:
        try:
            for number in range(100):
                made.append(number)
                yield number
        finally:
            ended.append(threading.current_thread().name)

    with closing(ahead(items(), 3)) as numbers:
        for number in numbers:
            assert number == made[number] and len(made) <= number + 4
            if number == 50:
                break
    assert len(made) <= 54 and ended[0].startswith("ahead") and not threads()


def test_what_making_an_item_raises_comes_after_those_before_it() -> None:
    def items() -> Generator[int, None, None]:
        yield from range(5)
        raise KeyError("five")

    seen = list[int]()
    with pytest.raises(KeyError, match="five"):
        seen.extend(ahead(items(), 3))  # extend keeps what came before
    assert seen == [0, 1, 2, 3, 4] and not threads()


def test_work_is_done_in_order_and_no_more_than_wanted_waits() -> None:
    gate, done = Event(), list[int]()

    def work(number: int) -> int | None:
        assert gate.wait(60)
        done.append(number)
        return number if number % 2 else None

    with Behind[int](3) as behind:
        for number in range(3):
            assert list(behind.do(lambda number=number: work(number))) == []  # type: ignore[misc]
        assert done == []
        gate.set()
        results = [r for number in range(3, 20) for r in behind.do(lambda n=number: work(n))]  # type: ignore[misc]
        assert len(done) >= 17
        results += behind.rest()
    assert done == list(range(20)) and results == list(range(1, 20, 2)) and not threads()


def test_after_a_failure_nothing_more_is_done_and_it_is_raised() -> None:
    gate, done = Event(), list[int]()

    def fail() -> None:
        gate.wait(60)
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Behind[int](3) as behind:
        list(behind.do(fail))
        list(behind.do(lambda: done.append(1)))
        gate.set()
    assert not done and not threads()


def test_work_that_waits_is_done_where_the_caller_fails() -> None:
    done = list[int]()
    with pytest.raises(KeyError), Behind[int](3) as behind:
        list(behind.do(lambda: done.append(1)))
        raise KeyError
    assert done == [1] and not threads()
