"""The gate: so many at once, so many waiting, first come, first served."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from rag.errors import BusyError
from rag.gate import Gate, slots_for

WAIT_S = 5.0


class LeftError(Exception):
    """Whoever waited has gone."""


class Room:
    """Lets threads through a gate, and keeps those that are in until they are let go."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.entered: list[str] = []
        self._let_go = threading.Event()
        self._threads = ThreadPoolExecutor(40)

    def send(self, name: str) -> Future[None]:
        """Send somebody to the gate, and return when they are in, or wait, or were refused."""
        before = self.gate.in_use + self.gate.waiting
        sent = self._threads.submit(self._visit, name)
        until(lambda: sent.done() or self.gate.in_use + self.gate.waiting > before)
        return sent

    def _visit(self, name: str) -> None:
        with self.gate.turn():
            self.entered.append(name)
            assert self._let_go.wait(WAIT_S)

    def empty(self) -> None:
        self._let_go.set()
        self._threads.shutdown()


@contextmanager
def room(*, slots: int, queue: int) -> Iterator[Room]:
    held = Room(Gate(slots=slots, queue=queue))
    try:
        yield held
    finally:
        held.empty()


def until(condition: object) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_as_many_are_in_as_there_are_slots_and_the_others_wait() -> None:
    with room(slots=2, queue=9) as visited:
        for name in "abcde":
            visited.send(name)
        assert (visited.gate.in_use, visited.gate.waiting) == (2, 3)
        assert visited.entered == ["a", "b"]
    assert (visited.gate.in_use, visited.gate.waiting) == (0, 0)


def test_who_came_first_is_served_first() -> None:
    names = [str(i) for i in range(20)]
    with room(slots=1, queue=30) as visited:
        for name in names:
            visited.send(name)
    assert visited.entered == names


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    with room(slots=1, queue=2) as visited:
        for name in "abc":
            visited.send(name)
        refused = visited.send("d")
        with pytest.raises(BusyError, match="as many questions wait as may wait, 2 ") as caught:
            refused.result(WAIT_S)
        assert caught.value.retry_after_s >= 1
    assert visited.entered == ["a", "b", "c"]


def test_who_waits_hears_how_many_are_before_and_can_leave() -> None:
    heard: list[tuple[str, int, int]] = []

    def pulse(*told: object) -> None:
        heard.append(told)  # type: ignore[arg-type]
        raise LeftError

    with room(slots=1, queue=9) as visited:
        for name in "ab":
            visited.send(name)
        with pytest.raises(LeftError), visited.gate.turn(pulse):
            pytest.fail("nobody let this one in")
        assert (visited.gate.in_use, visited.gate.waiting) == (1, 1)
    assert heard == [("queue", 0, 2)]
    assert visited.entered == ["a", "b"]


def test_a_turn_that_fails_gives_its_slot_back() -> None:
    gate = Gate(slots=1, queue=1)
    with pytest.raises(LeftError), gate.turn():
        raise LeftError
    with gate.turn():
        assert gate.in_use == 1


def test_nobody_is_lost_or_doubled_when_many_come_and_go() -> None:
    gate, most, let_in = Gate(slots=3, queue=400), [0], []

    def visit(number: int) -> None:
        def impatient(*_told: object) -> None:
            if number % 7 == 0:
                raise LeftError

        try:
            with gate.turn(impatient):
                most[0] = max(most[0], gate.in_use)
                let_in.append(number)
                time.sleep(0.001 if number % 50 else 0.15)
        except LeftError:
            pass

    with ThreadPoolExecutor(40) as threads:
        list(threads.map(visit, range(400)))
    assert most[0] <= 3
    assert (gate.in_use, gate.waiting) == (0, 0)
    assert {number for number in range(400) if number % 7} <= set(let_in)
    assert len(let_in) == len(set(let_in))


@pytest.mark.parametrize(("threads", "slots"), [(1, 1), (2, 1), (4, 1), (7, 1), (8, 2), (16, 4)])
def test_four_threads_serve_one_question(threads: int, slots: int) -> None:
    assert slots_for(threads) == slots
