"""How far an export is, and how long the rest may take."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

# Seconds that the phases usually take: the least, and for each GB of fp32 weights. Measured on two cores
# with models of 0.0001 and of 2.3 GB (benchmarks/export.py); this run's own pace scales them. That of a
# download is only a guess, until bytes arrive.
USUAL_S = {
    "download": (1.0, 20.0),
    "load": (4.5, 0.5),
    "export": (1.0, 14.0),
    "check": (1.0, 28.0),
    "quantize": (0.5, 15.0),
    "check int8": (0.3, 4.0),
    "write": (0.2, 0.2),
}
# How fast the network is says nothing of the rest.
_NO_PACE = "download"
_LEAST_PACE = 0.2
_PERIOD_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is: its phase, the seconds since it began, an estimate of those to come.

    `remaining_s` is None until the size of the model is known. `fraction` is that of the phase, None
    where it is not known. `waiting`: all this is said of another call, for which this one waits.
    """

    phase: str
    seconds: float
    remaining_s: float | None
    fraction: float | None = None
    waiting: bool = False


@contextmanager
def repeated(call: Callable[[], None]) -> Iterator[None]:
    """Call `call` twice a second, in a thread of its own, while the body runs."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(_PERIOD_S):
            call()

    thread = threading.Thread(target=repeat, daemon=True, name="export-progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def estimate(
    plan: Sequence[str],
    entered: Sequence[tuple[str, float]],
    now_s: float,
    *,
    weights_gb: float,
    told: float | None = None,
) -> tuple[float, float]:
    """Return which fraction of the present phase is done, and how many seconds the whole export still needs.

    `plan` are all phases in order, `entered` those so far with the second at which each began, `now_s`
    the second now. `told` is the phase's fraction where it is known; else its usual time says it.
    """
    usual = {phase: least + rate * weights_gb for phase, (least, rate) in USUAL_S.items()}
    phase, began = entered[-1]
    pace = _pace(entered, usual)
    here = usual[phase] if phase == _NO_PACE else usual[phase] * pace
    spent = now_s - began
    if told:
        here = spent / told
    fraction = told if told is not None else min(0.99, spent / here)
    later = sum(usual[name] for name in plan[list(plan).index(phase) + 1 :])
    return fraction, max(0.0, here - spent) + pace * later


def _pace(entered: Sequence[tuple[str, float]], usual: dict[str, float]) -> float:
    """Return how many times its usual time this run has needed so far."""
    spans = pairwise(entered)
    finished = [(phase, end - began) for (phase, began), (_, end) in spans if phase != _NO_PACE]
    expected = sum(usual[phase] for phase, _ in finished)
    if not expected:
        return 1.0
    return max(_LEAST_PACE, sum(seconds for _, seconds in finished) / expected)
