"""Handing over: in order, not too far ahead, and nothing to a taker that is gone."""

import threading

import pytest

from rag.ingest.ahead import Ahead, ClosedError


def test_things_come_in_order_and_a_taker_does_not_wait_for_ever() -> None:
    ahead: Ahead[str] = Ahead(100)
    ahead.put("a", 10)
    ahead.put("b")
    assert [ahead.get(), ahead.get(), ahead.get(0.01)] == ["a", "b", None]


def test_a_giver_waits_for_room() -> None:
    ahead: Ahead[int] = Ahead(100)
    given: list[int] = []

    def give() -> None:
        for number in range(10):
            ahead.put(number, 40)
            given.append(number)

    giver = threading.Thread(target=give)
    giver.start()
    giver.join(0.2)
    assert given == [0, 1]
    assert [ahead.get(5) for _ in range(10)] == list(range(10))
    giver.join()


def test_a_thing_that_is_too_large_passes_alone() -> None:
    ahead: Ahead[str] = Ahead(100)
    ahead.put("large", 1000)
    assert ahead.get() == "large"


def test_who_waits_for_room_hears_that_nobody_takes_anything_any_more() -> None:
    ahead: Ahead[str] = Ahead(100)
    ahead.put("a", 100)
    threading.Timer(0.1, ahead.close).start()
    with pytest.raises(ClosedError):
        ahead.put("b", 100)
    assert (ahead.closed, ahead.get()) == (True, None)
