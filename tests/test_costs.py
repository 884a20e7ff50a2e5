"""The arithmetic of a month: worked by hand, and the founding figures reproduced."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.costs import MOST_QUESTIONS, Local, Remote, Workload, break_even, local_month, remote_month
from rag.ui.costs.assumptions import (
    BY_NAME,
    FOUNDING_ANSWER_S,
    FOUNDING_INFERENCE_S,
    FOUNDING_MONTH,
)

HOUR_S = 3600
DAY = Workload(questions=100, open_hours=10)
REMOTE = Remote("used", price_hour=3.6, price_month=40.0, seconds=2.0, start_s=50.0, idle_s=60.0)
LOCAL = Local(seconds=0.8, machine_month=10.0)


def founding(questions: int) -> tuple[Remote, Workload]:
    """The remote GPU and the work with which the page begins, but for the number of questions."""
    value = {name: each.value for name, each in BY_NAME.items()}
    remote = Remote(
        "used", value["price_hour"], value["price_month"], value["seconds"], value["start_s"], value["idle_s"]
    )
    return remote, Workload(questions, value["open_hours"])


def test_the_founding_price_is_that_of_the_founding_figures() -> None:
    low, high = FOUNDING_MONTH
    month = remote_month(*founding(int(BY_NAME["questions"].value)))
    assert low <= month.gpu_cost <= high
    assert month.gpu_cost == pytest.approx(34.93, abs=0.005)
    assert remote_month(*founding(1_300)).gpu_cost == pytest.approx(low, abs=1)
    assert remote_month(*founding(2_250)).gpu_cost == pytest.approx(high, abs=1)


def test_of_the_founding_month_a_fortieth_was_inference() -> None:
    month = remote_month(*founding(1_500))
    assert month.within_s(0.5) == pytest.approx(FOUNDING_ANSWER_S)
    assert month.answering_s == pytest.approx(1_500 * FOUNDING_INFERENCE_S)
    assert month.answering_share == pytest.approx(1 / 40, abs=0.001)


def test_questions_far_apart_each_start_the_gpu_and_bill_its_whole_idle_time() -> None:
    month = remote_month(REMOTE, Workload(questions=2, open_hours=700))
    assert month.starts == pytest.approx(2, abs=0.001)
    assert month.gpu_cost == pytest.approx(2 * (2 + 50 + 60) * 3.6 / HOUR_S, rel=0.001)


def test_questions_close_together_start_it_once_and_leave_it_no_pause() -> None:
    month = remote_month(REMOTE, Workload(questions=36_000, open_hours=10))
    assert (month.starts, month.idle_s) == (1, 60)
    assert month.mean_s == pytest.approx(2, abs=0.01)


def test_between_them_pauses_at_random_outlast_the_idle_time_or_not() -> None:
    # 100 questions in 10 hours: 358 s of pause in the mean, of which exp(-60 / 358) outlast a minute.
    month = remote_month(REMOTE, DAY)
    assert month.starts == pytest.approx(84.57, abs=0.01)
    assert month.idle_s == pytest.approx(5_524, abs=1)
    assert month.mean_s == pytest.approx(2 + 0.8457 * 50, abs=0.01)


def test_starts_that_are_known_are_taken_at_their_word() -> None:
    month = remote_month(replace(REMOTE, starts=3), DAY)
    assert (month.starts, month.starting_s, month.idle_s) == (3, 150, 180)
    assert remote_month(replace(REMOTE, starts=0), DAY).within_s(0.95) == 2


def test_as_many_wait_for_a_start_as_there_are_starts() -> None:
    month = remote_month(replace(REMOTE, starts=10), DAY)
    assert [month.within_s(share) for share in (0.5, 0.89, 0.91, 0.95)] == [2, 2, 52, 52]


def test_a_gpu_that_is_always_up_is_billed_for_every_hour_and_never_cold() -> None:
    month = remote_month(replace(REMOTE, billing="always"), DAY)
    assert month.gpu_cost == pytest.approx(730 * 3.6)
    assert (month.gpus, month.starts, month.within_s(0.95)) == (1, 0, 2)
    assert month.idle_s == pytest.approx(730 * HOUR_S - 200)


def test_one_price_a_month_is_that_price_but_no_end_of_cold_starts() -> None:
    month = remote_month(replace(REMOTE, billing="flat", machine_month=5.0), DAY)
    assert (month.gpu_cost, month.cost) == (40, 45)
    assert month.within_s(0.5) == 52


def test_a_month_without_questions_costs_no_seconds() -> None:
    month = remote_month(REMOTE, replace(DAY, questions=0))
    assert (month.gpu_cost, month.starts, month.answering_share) == (0, 0, 0)
    assert local_month(LOCAL, replace(DAY, questions=0)).load == 0


def test_a_machine_that_could_not_keep_up_is_not_counted_as_one() -> None:
    month = local_month(LOCAL, Workload(questions=100_000, open_hours=10))
    assert month.load == pytest.approx(100_000 * 0.8 / 36_000)
    assert (month.machines, month.cost) == (4, 40)


def test_above_a_comfortable_load_there_are_two_machines() -> None:
    assert local_month(LOCAL, Workload(31_499, 10)).machines == 1
    assert local_month(LOCAL, Workload(31_501, 10)).machines == 2


def test_without_a_measured_time_no_load_is_made_up() -> None:
    month = local_month(Local(None, 10), Workload(MOST_QUESTIONS, 1))
    assert (month.cost, month.load) == (10, None)


def test_break_even_is_where_the_lines_cross() -> None:
    fewest = break_even(LOCAL, REMOTE, DAY)
    assert fewest is not None
    assert remote_month(REMOTE, replace(DAY, questions=fewest)).cost >= 10
    assert remote_month(REMOTE, replace(DAY, questions=fewest - 1)).cost < 10


def test_with_the_same_machine_on_both_sides_the_gpu_is_never_cheaper() -> None:
    assert break_even(LOCAL, replace(REMOTE, machine_month=10.0), DAY) == 0


def test_a_dear_machine_never_pays_beside_a_cheap_price_a_month() -> None:
    assert break_even(Local(0.8, 100.0), replace(REMOTE, billing="flat"), DAY) is None


@given(st.integers(0, MOST_QUESTIONS), st.floats(1, 744), st.floats(0, 600), st.floats(0, 600))
def test_no_time_is_negative_and_what_is_billed_is_the_sum(
    questions: int, hours: float, start_s: float, idle_s: float
) -> None:
    month = remote_month(replace(REMOTE, start_s=start_s, idle_s=idle_s), Workload(questions, hours))
    assert min(month.answering_s, month.starting_s, month.idle_s, month.starts) >= 0
    assert month.starts <= questions
    assert month.gpu_cost == pytest.approx(month.up_s * 3.6 / HOUR_S)
