"""What a month of reranking costs, on a machine of one's own and with a remote GPU: plain arithmetic.

Nothing in here was measured, and no price is known: whoever calls gives the figures, and says where they
are from. All prices are in one currency, whichever it is.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

# By what a remote service bills: the seconds it was up, every hour of the month, or one price for all.
Billing = Literal["used", "always", "flat"]

HOURS_A_MONTH = 730.0
COMFORTABLE_LOAD = 0.7  # of the time; above it, questions that come at random wait long for one another
MOST_QUESTIONS = 10_000_000  # a month

_HOUR_S = 3600.0
_STEPS = 400  # looked at between one question and the most


@dataclass(frozen=True, slots=True)
class Workload:
    """A month's `questions`, which come at random moments of its `open_hours`, more than 0 of them."""

    questions: int
    open_hours: float


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote GPU: a question takes `seconds` while it is up, and `start_s` more where it has to start.

    It stops after `idle_s` without a question, and is billed until then. `starts` a month are estimated
    where they are None. `machine_month` is the price of what runs all the rest: the page, the library, the
    retriever.
    """

    billing: Billing
    price_hour: float
    price_month: float
    seconds: float
    start_s: float
    idle_s: float
    starts: int | None = None
    machine_month: float = 0.0


@dataclass(frozen=True, slots=True)
class Local:
    """A machine that reranks too, for `machine_month`; a question takes it `seconds`, None where unknown."""

    seconds: float | None
    machine_month: float


@dataclass(frozen=True, slots=True)
class RemoteMonth:
    """A month with the remote GPU: what it costs, and what its time went into.

    `cost` is all of it, `gpu_cost` what the GPU's service bills; `gpus` are always up, None where the
    service starts them as it needs them.
    `starts` is the expected number of questions that had to wait for a start. `mean_s` is what a question
    takes in the mean, `warm_s` while the GPU is up, `cold_s` with a start before it.
    """

    cost: float
    gpu_cost: float
    gpus: int | None
    questions: int
    starts: float
    answering_s: float
    starting_s: float
    idle_s: float
    mean_s: float
    warm_s: float
    cold_s: float

    def within_s(self, share: float) -> float:
        """Return what `share` (0.95 for p95) of the questions take at most."""
        return self.cold_s if self.starts > (1 - share) * self.questions else self.warm_s

    @property
    def up_s(self) -> float:
        """The seconds that the GPU was up."""
        return self.answering_s + self.starting_s + self.idle_s

    @property
    def answering_share(self) -> float:
        """How much of its time the GPU answered; 0 where it was never up."""
        return self.answering_s / self.up_s if self.up_s else 0.0


@dataclass(frozen=True, slots=True)
class LocalMonth:
    """A month with machines of one's own: what they cost, how many it takes, how busy one would be.

    `load` is the share of its open hours in which one machine would answer, above 1 where it could not
    keep up; None where nobody knows how long a question takes. `machines` is then 1.
    """

    cost: float
    machines: int
    load: float | None


def remote_month(remote: Remote, workload: Workload) -> RemoteMonth:
    """Return what the month costs with the remote GPU."""
    answering_s = workload.questions * remote.seconds
    gpus = None
    if remote.billing == "always":
        gpus = _machines(answering_s, workload)
        starts, idle_s = 0.0, max(0.0, gpus * HOURS_A_MONTH * _HOUR_S - answering_s)
    else:
        starts, idle_s = _scaled_to_zero(remote, workload)
    starting_s = starts * remote.start_s
    up_s = answering_s + starting_s + idle_s
    gpu = remote.price_month if remote.billing == "flat" else remote.price_hour * up_s / _HOUR_S
    waits = starting_s / workload.questions if workload.questions else 0.0
    return RemoteMonth(
        cost=gpu + remote.machine_month,
        gpu_cost=gpu,
        gpus=gpus,
        questions=workload.questions,
        starts=starts,
        answering_s=answering_s,
        starting_s=starting_s,
        idle_s=idle_s,
        mean_s=remote.seconds + waits,
        warm_s=remote.seconds,
        cold_s=remote.seconds + remote.start_s,
    )


def _scaled_to_zero(remote: Remote, workload: Workload) -> tuple[float, float]:
    """Return how often the GPU starts, and how many seconds it is up for nothing.

    Questions at random moments leave pauses of exponential length: exp(-idle_s / mean) of them outlast
    the idle time, and cost all of it; the shorter ones are billed as they are. Where the number of starts
    is given, each is billed with one whole idle time, and pauses between warm questions with nothing.
    """
    questions, wait_s = workload.questions, remote.idle_s
    if not questions:
        return 0.0, 0.0
    if remote.starts is not None:
        starts = min(remote.starts, questions)
        return float(starts), starts * wait_s
    pause_s = workload.open_hours * _HOUR_S / questions - remote.seconds
    if pause_s <= 0:  # one question after the other: it starts once
        return 1.0, wait_s
    outlasting = math.exp(-wait_s / pause_s)
    return max(1.0, questions * outlasting), questions * pause_s * (1 - outlasting)


def local_month(local: Local, workload: Workload) -> LocalMonth:
    """Return what the month costs on machines of one's own: as many as none is busier than comfortable."""
    if local.seconds is None:
        return LocalMonth(local.machine_month, 1, None)
    busy_s = workload.questions * local.seconds
    machines = _machines(busy_s, workload)
    return LocalMonth(machines * local.machine_month, machines, busy_s / (workload.open_hours * _HOUR_S))


def _machines(busy_s: float, workload: Workload) -> int:
    return max(1, math.ceil(busy_s / (COMFORTABLE_LOAD * workload.open_hours * _HOUR_S)))


def break_even(local: Local, remote: Remote, workload: Workload) -> int | None:
    """Return the fewest questions a month for which the local machine costs no more than the remote GPU.

    It is 0 where it costs no more even without a question, None where the remote one is cheaper at every
    number that was looked at, up to ten million; they are a few per cent apart, and narrowed down from
    there.
    """

    def is_reached(questions: int) -> bool:
        month = replace(workload, questions=questions)
        return local_month(local, month).cost <= remote_month(remote, month).cost

    low = 0
    if is_reached(low):
        return low
    for step in range(_STEPS + 1):
        high = round(math.pow(MOST_QUESTIONS, step / _STEPS))
        if is_reached(high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if is_reached(middle) else (middle, high)
            return high
        low = high
    return None
