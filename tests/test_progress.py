"""An export's estimate counts down, follows this run's own pace, and believes what is told."""

import pytest

from rag.models.progress import USUAL_S, estimate

PLAN = list(USUAL_S)


def usual(phase: str, weights_gb: float) -> float:
    least, rate = USUAL_S[phase]
    return least + rate * weights_gb


def test_at_the_beginning_it_is_the_usual_time_of_all_phases() -> None:
    fraction, remaining = estimate(PLAN, [("download", 0.0)], 0.0, weights_gb=1.0)
    assert fraction == 0.0
    assert remaining == pytest.approx(sum(usual(phase, 1.0) for phase in PLAN))


def test_it_counts_down_within_a_phase_and_never_below_what_comes_after_it() -> None:
    later = sum(usual(phase, 1.0) for phase in PLAN[2:])
    seconds = [estimate(PLAN, [("load", 0.0)], at, weights_gb=1.0)[1] for at in (0.0, 1.0, 2.0, 99.0)]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[-1] == pytest.approx(later)


def test_a_run_that_is_twice_as_slow_doubles_what_is_to_come() -> None:
    so_far = [("load", 0.0), ("export", 2 * usual("load", 1.0))]
    _, slow = estimate(PLAN, so_far, so_far[-1][1], weights_gb=1.0)
    assert slow == pytest.approx(2 * sum(usual(phase, 1.0) for phase in PLAN[2:]))


def test_a_slow_download_says_nothing_of_the_rest() -> None:
    _, remaining = estimate(PLAN, [("download", 0.0), ("load", 900.0)], 900.0, weights_gb=1.0)
    assert remaining == pytest.approx(sum(usual(phase, 1.0) for phase in PLAN[1:]))


def test_a_fraction_that_is_known_is_believed() -> None:
    fraction, remaining = estimate(PLAN, [("download", 0.0)], 30.0, weights_gb=1.0, told=0.25)
    assert fraction == 0.25
    assert remaining == pytest.approx(90.0 + sum(usual(phase, 1.0) for phase in PLAN[1:]))


def test_without_quantizing_its_phases_are_not_counted() -> None:
    plan = [phase for phase in PLAN if phase not in ("quantize", "check int8")]
    _, remaining = estimate(plan, [("write", 0.0)], 0.0, weights_gb=1.0)
    assert remaining == pytest.approx(usual("write", 1.0))
