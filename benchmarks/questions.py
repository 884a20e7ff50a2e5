"""Questions that were never asked before, and the same scoring without a server around it."""

import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from benchmarks.common import RETRIEVE_K, ROOT
from rag.config import DEFAULT_RERANKER, Settings, usable_cores
from rag.rerank import Reranker
from rag.retrieve import retrieve
from rag.samples import SAMPLE_COLLECTION, sample_questions
from rag.service import build, load_model
from rag.timing import Stopwatch


@dataclass(frozen=True, slots=True)
class Question:
    """A query, and the passages to be scored for it: none as long as they are still to be retrieved."""

    query: str
    passages: tuple[str, ...] = ()


class Questions:
    """Questions without end. No query comes twice, so no pair does, and no cache knows a score."""

    def __init__(self, seed: int = 11) -> None:
        lines = (ROOT / "data" / "judged" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        self._texts: list[str] = [json.loads(line)["text"] for line in lines]
        self._chance = random.Random(seed)
        self._asked: set[str] = set()

    def new(self) -> Question:
        """Return a question without passages: a judged one, and a few words of some text."""
        while True:
            words, length = self._chance.choice(self._texts).split(), self._chance.randint(2, 6)
            start = self._chance.randrange(max(1, len(words) - length))
            query = " ".join([self._chance.choice(sample_questions()), *words[start : start + length]])
            if query not in self._asked:
                self._asked.add(query)
                return Question(query)

    def new_with_passages(self, least: int, most: int) -> Question:
        """Return a question with `least` to `most` different passages of the judged texts."""
        passages = self._chance.sample(self._texts, self._chance.randint(least, most))
        return replace(self.new(), passages=tuple(passages))


@dataclass(frozen=True, slots=True)
class Bare:
    """How long the scoring alone took."""

    pairs: int
    tokens: int
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        """Tokens fed to the model in a second."""
        return self.tokens / self.seconds


def retrieved(home: Path, questions: Sequence[Question]) -> list[Question]:
    """Return `questions`, those without passages with the ones that the sample collection in `home` has."""
    service = build(Settings(home=home, threads=usable_cores()))
    searcher = service.library.searcher(SAMPLE_COLLECTION)

    def passages(query: str) -> tuple[str, ...]:
        hits = retrieve(query, searcher, k=RETRIEVE_K, watch=Stopwatch()).hits
        return tuple(hit.passage.text for hit in hits)

    whole = [q if q.passages else replace(q, passages=passages(q.query)) for q in questions]
    service.close()
    return whole


def tokens_fed(questions: Sequence[Question]) -> list[int]:
    """Return how many tokens the reranker is fed for each question, its query's repeated in each pair."""
    model = load_model(DEFAULT_RERANKER, "rerank", threads=1)
    fed = [sum(p.fed for p in model.encode_pairs(q.query, q.passages)) for q in questions]
    model.close()
    return fed


def scored_bare(questions: Sequence[Question]) -> Bare:
    """Return how long a process of its own takes to score `questions`, warm, one call after the other."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(_score_all, questions).result()


def bare_reranker() -> Reranker:
    """Return the default reranker with as many workers as a server has here, warm, without a cache."""
    reranker = Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=usable_cores()))
    for question in [Questions(seed=12).new_with_passages(30, 30) for _ in range(2)]:
        reranker.score(question.query, question.passages, watch=Stopwatch())
    return reranker


def _score_all(questions: Sequence[Question]) -> Bare:
    reranker, tokens = bare_reranker(), 0
    began = time.perf_counter()
    for question in questions:
        watch = Stopwatch()
        reranker.score(question.query, question.passages, watch=watch)
        tokens += next(stage.tokens for stage in watch.stages if stage.stage == "score")
    seconds = time.perf_counter() - began
    return Bare(sum(len(question.passages) for question in questions), tokens, seconds)
