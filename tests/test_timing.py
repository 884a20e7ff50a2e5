"""Timing: what was measured, in order, and nothing of what failed."""

import time

import pytest

from rag.records import StageTime
from rag.timing import Stopwatch, together


def test_stages_come_in_the_order_in_which_they_ran() -> None:
    watch = Stopwatch()
    for name in ("embed", "search", "score"):
        with watch.stage(name):
            pass
    assert [stage.stage for stage in watch.stages] == ["embed", "search", "score"]


def test_a_stage_lasts_as_long_as_its_body() -> None:
    watch = Stopwatch()
    with watch.stage("nap"):
        time.sleep(0.02)
    (nap,) = watch.stages
    assert 0.02 <= nap.seconds <= watch.elapsed_s


def test_the_whole_is_never_less_than_its_stages() -> None:
    watch = Stopwatch()
    for number in range(200):
        with watch.stage(str(number)):
            pass
    assert sum(stage.seconds for stage in watch.stages) <= watch.elapsed_s


def test_a_stage_keeps_what_its_body_counted() -> None:
    watch = Stopwatch()
    with watch.stage("score") as counts:
        counts.items, counts.tokens, counts.cached, counts.cold = 30, 900, 4, True
    (stage,) = watch.stages
    assert stage == StageTime("score", stage.seconds, items=30, tokens=900, cached=4, cold=True)


def test_a_stage_that_counts_nothing_counts_zero() -> None:
    watch = Stopwatch()
    with watch.stage("queue"):
        pass
    (stage,) = watch.stages
    assert stage == StageTime("queue", stage.seconds)


def test_a_body_that_raises_leaves_no_stage_behind() -> None:
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.stage("broken"):
        raise KeyError
    assert watch.stages == ()


def test_finished_stages_are_not_changed_by_later_ones() -> None:
    watch = Stopwatch()
    with watch.stage("first"):
        pass
    before = watch.stages
    with watch.stage("second"):
        pass
    assert len(before) == 1


def test_stages_of_one_name_are_added_up_where_the_first_of_them_stands() -> None:
    stages = [
        StageTime("queue", 1.0),
        StageTime("score", 0.25, 2, 30, each=(0.1, 0.2)),
        StageTime("sort", 0.125, 2),
        StageTime("score", 0.5, 1, 10, cached=1, cold=True, each=(None,)),
    ]
    assert together(stages) == (
        stages[0],
        StageTime("score", 0.75, 3, 40, cached=1, cold=True, each=(0.1, 0.2, None)),
        stages[2],
    )
