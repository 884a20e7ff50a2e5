"""The first question of a fresh process, against the ten after it; preloaded and not."""

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.common import RETRIEVE_K, Limit, Section, progress, run, sample_home, spread
from benchmarks.server import reranklens
from rag.samples import sample_questions

ROUNDS = 5
LIMIT = 1.25
_LATER = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's times, in milliseconds: as the client saw it, and as the answer states it."""

    client_ms: float
    total_ms: float
    score_ms: float
    pairs: int
    tokens: int

    @property
    def per_100_tokens(self) -> float:
        """Milliseconds of scoring for 100 passage tokens: questions find passages of unequal length."""
        return self.score_ms / self.tokens * 100


def measure(rounds: int = ROUNDS) -> Section:
    """Return first and later questions of fresh processes, with and without preloading, in turn."""
    warm, cold = [], []
    with sample_home() as home:
        for number in range(rounds):
            progress(f"first question: round {number + 1} of {rounds}")
            questions = _questions(number)
            warm.append(_ask_all(home, questions, preload="true"))
            cold.append(_ask_all(home, questions, preload="false"))
    return _section(warm, cold)


def _questions(number: int) -> tuple[str, ...]:
    # Another question comes first in each round, so that no single one stands for "the first".
    questions = sample_questions()
    turned = questions[number * 7 :] + questions[: number * 7]
    return turned[: 1 + _LATER]


def _ask_all(home: Path, questions: tuple[str, ...], *, preload: str) -> list[Asked]:
    asked = []
    with reranklens(home, preload=preload) as server:
        for question in questions:
            answer, seconds = server.ask(question)
            times, hits = answer["timings_ms"], answer["reranked"]
            tokens = sum(hit["tokens_read"] for hit in hits)
            asked.append(Asked(seconds * 1000, times["total"], times["score"], len(hits), tokens))
    return asked


def _section(warm: list[list[Asked]], cold: list[list[Asked]]) -> Section:
    rows = [
        _row("preloaded, first", [run[0] for run in warm]),
        _row(f"preloaded, the next {_LATER}", [one for run in warm for one in run[1:]]),
        _row("preloaded, the tenth", [run[9] for run in warm]),
        _row("RAG_PRELOAD=false, first", [run[0] for run in cold]),
        _row(f"RAG_PRELOAD=false, the next {_LATER}", [one for run in cold for one in run[1:]]),
    ]
    ratio = median(run[0].per_100_tokens / median(one.per_100_tokens for one in run[1:]) for run in warm)
    return Section(
        title="First question",
        workload=(
            f"{len(warm)} fresh processes each way, in turn; in each, {1 + _LATER} different questions "
            f"through /api/query, {RETRIEVE_K} candidates, another one first each time. No warm-up: that is "
            "what is measured. /healthz was asked before the first question, as a load balancer asks it; "
            "without preloading, that is what loads the models."
        ),
        columns=["questions", "client", "total", "score per pair", "score per 100 tokens"],
        rows=rows,
        limits=[
            Limit(
                f"the first question scores as fast as the later ones (at most {LIMIT} times, per token)",
                f"{ratio:.2f} times (median over processes)",
                ratio <= LIMIT,
            )
        ],
    )


def _row(name: str, asked: list[Asked]) -> list[str]:
    return [
        name,
        spread([one.client_ms for one in asked], "ms"),
        spread([one.total_ms for one in asked], "ms"),
        spread([one.score_ms / one.pairs for one in asked], "ms", digits=1),
        spread([one.per_100_tokens for one in asked], "ms", digits=2),
    ]


if __name__ == "__main__":
    sys.exit(run(measure))
