"""Measure the stages of one question."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rag.records import StageTime

# Called now and then, while a question waits or is scored, in the thread that asked it: with the stage, and
# how much of it is done (of a queue: 0 of how many are before it). What it raises abandons the question.
Pulse = Callable[[str, int, int], None]


@dataclass(slots=True)
class StageCounts:
    """What a stage counted while it ran; it fills these in before its clock stops."""

    items: int = 0
    tokens: int = 0
    cached: int = 0
    cold: bool = False
    each: tuple[float | None, ...] = ()


class Stopwatch:
    """Times named stages, and the whole from its making. Not shared between threads."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._stages: list[StageTime] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[StageCounts]:
        """Time the body as the stage `name`; a body that raises leaves no stage behind."""
        counts = StageCounts()
        began = time.perf_counter()
        yield counts
        seconds = time.perf_counter() - began
        self._stages.append(
            StageTime(name, seconds, counts.items, counts.tokens, counts.cached, counts.cold, counts.each)
        )

    def since_last(self, name: str) -> None:
        """Record all the time that is in no stage yet as the stage `name`."""
        self.note(name, self.elapsed_s - sum(stage.seconds for stage in self._stages))

    def note(self, name: str, seconds: float, items: int = 0) -> None:
        """Record the stage `name`, whose `seconds` somebody else measured in this run."""
        self._stages.append(StageTime(name, seconds, items))

    @property
    def stages(self) -> tuple[StageTime, ...]:
        """The finished stages, in the order in which they ended."""
        return tuple(self._stages)

    @property
    def elapsed_s(self) -> float:
        """Seconds since this stopwatch was made."""
        return time.perf_counter() - self._began


def together(stages: Sequence[StageTime]) -> tuple[StageTime, ...]:
    """Return `stages` with those of one name as one, where the first of them stands."""
    sums: dict[str, StageTime] = {}
    for stage in stages:
        before = sums.get(stage.stage, StageTime(stage.stage, 0.0))
        sums[stage.stage] = StageTime(
            stage.stage,
            before.seconds + stage.seconds,
            before.items + stage.items,
            before.tokens + stage.tokens,
            before.cached + stage.cached,
            before.cold or stage.cold,
            before.each + stage.each,
        )
    return tuple(sums.values())
