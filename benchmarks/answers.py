"""How good quoted answers are on the sample collection, and where their threshold is best.

`python -m benchmarks.answers` prints what docs/answers.md says of it. data/judged/sentences.jsonl holds the
sentences that answer each judged question, data/judged/unanswered.jsonl questions that the documents do not
answer, half of them about things that the documents do speak of.

`python -m benchmarks.answers FOLDER` asks questions of a BEIR folder, such as XQuAD's, twice: with the
passage that answers among those that are read, and without it. Both measure quality only, so they may run
beside anything else.
"""

import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.answers.quote import quote
from rag.beir import read_beir
from rag.config import Settings
from rag.embed import Embedder
from rag.outcomes import Answer
from rag.records import Passage
from rag.rerank import Reranker, ranking
from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.score_cache import ScoreCache
from rag.service import Service, build, load_model
from rag.timing import Stopwatch

_JUDGED = Path(__file__).resolve().parents[1] / "data" / "judged"
_FIRST = 2
_LANGUAGES = ("en", "it")
_QUESTIONS = 120
_NEAREST = 10
_READ = 5  # as a search's answer does
_THRESHOLDS = (-2.0, -1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's quoted answer; `expected` are sentences that answer it, none where no document does."""

    id: str
    language: str
    expected: tuple[str, ...]
    answer: Answer

    @property
    def place(self) -> int | None:
        """Where the first expected sentence stands in the answer, from 1; None where none does."""
        said = [" ".join(sentence.text.split()) for sentence in self.answer.sentences]
        return next((place for place, text in enumerate(said, start=1) if text in self.expected), None)

    @property
    def is_found(self) -> bool:
        """Whether an expected sentence is among the first two."""
        return self.place is not None and self.place <= _FIRST


def measured(service: Service) -> list[Asked]:
    """Return the answers to the judged questions, and to those that the samples do not answer.

    `service` has the samples in their collection.
    """
    expected: dict[str, list[str]] = {}
    for line in _lines("sentences.jsonl"):
        expected.setdefault(str(line["query_id"]), []).append(str(line["sentence"]))
    return [
        Asked(
            str(line["_id"]),
            _language(line),
            tuple(expected.get(str(line["_id"]), ())),
            _answer(service, line),
        )
        for name in ("queries.jsonl", "unanswered.jsonl")
        for line in _lines(name)
    ]


def _lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (_JUDGED / name).read_text(encoding="utf-8").splitlines()]


def _language(line: dict[str, object]) -> str:
    metadata = line["metadata"]
    return str(metadata["language"]) if isinstance(metadata, dict) else ""


def _answer(service: Service, line: dict[str, object]) -> Answer:
    settings = service.settings
    result = service.pipeline.search(
        str(line["text"]), collection=SAMPLE_COLLECTION, retrieve_k=settings.retrieve_k
    )
    answer = service.answers.quoted(result).answer
    if answer is None:
        raise RuntimeError("a quoted answer is always there")
    return answer


def report(asked: Sequence[Asked]) -> Iterator[str]:
    """Yield the lines of both tables."""
    answerable = [one for one in asked if one.expected]
    others = [one for one in asked if not one.expected]
    yield "| question | logit | expected sentence at |"
    yield "|---|---|---|"
    for one in asked:
        yield f"| {one.id} | {_best(one):.2f} | {one.place or ('–' if one.expected else '')} |"
    yield ""
    yield f"| language | expected sentence among the first {_FIRST} |"
    yield "|---|---|"
    for code in _LANGUAGES:
        of = [one for one in answerable if one.language == code]
        yield f"| {code} | {sum(one.is_found for one in of)} of {len(of)} |"
    yield ""
    yield "| threshold | not answered, rightly | not answered, wrongly |"
    yield "|---|---|---|"
    for threshold in sorted(_best(one) for one in others):
        cells = [_share(group, threshold) for group in (others, answerable)]
        yield f"| {threshold:.2f} | {' | '.join(cells)} |"


def _best(one: Asked) -> float:
    return one.answer.best_logit if one.answer.best_logit is not None else float("-inf")


def _share(group: Sequence[Asked], threshold: float) -> str:
    """Return how many of `group` stay at or under `threshold`, in all and by language."""
    by = [
        f"{code} {sum(_best(one) <= threshold for one in group if one.language == code)}"
        for code in _LANGUAGES
    ]
    return f"{sum(_best(one) <= threshold for one in group)} of {len(group)} ({', '.join(by)})"


def with_and_without(folder: Path) -> Iterator[tuple[float, float]]:
    """Yield the best logit for some questions of `folder`, with the passages that answer and without."""
    settings = Settings.from_env()
    embedder = Embedder(load_model(settings.embedder, "embed", threads=settings.threads))
    reranker = Reranker(load_model(settings.reranker, "rerank", threads=settings.threads), ScoreCache())
    judged = read_beir(folder)
    vectors = embedder.embed_passages(list(judged.corpus.values())).vectors
    passages = [Passage(name, name, name, text, 0, len(text)) for name, text in judged.corpus.items()]
    for name in random.Random(1).sample(sorted(judged.qrels), _QUESTIONS):
        question = judged.queries[name]
        near = [passages[i] for i in (-(vectors @ embedder.embed_query(question))).argsort()[: _NEAREST + 1]]
        scores = reranker.score(question, [passage.text for passage in near], watch=Stopwatch())
        best = [near[i] for i in ranking(scores)]
        others = [passage for passage in best if not judged.qrels[name].get(passage.chunk_id)]
        yield _logit(question, best[:_READ], reranker), _logit(question, others[:_READ], reranker)


def _logit(question: str, passages: Sequence[Passage], reranker: Reranker) -> float:
    logit = quote(question, passages, reranker, watch=Stopwatch()).best_logit
    return float("-inf") if logit is None else logit


def report_pairs(pairs: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Yield the lines of the table for a BEIR folder."""
    yield "| threshold | answered, with the passage | not answered, without it |"
    yield "|---|---|---|"
    for threshold in _THRESHOLDS:
        answered = sum(has >= threshold for has, _ in pairs) / len(pairs)
        refused = sum(lacks < threshold for _, lacks in pairs) / len(pairs)
        yield f"| {threshold:g} | {answered:.0%} | {refused:.0%} |"


def main() -> None:
    """Print the tables of the samples, or of the folder that was named."""
    if sys.argv[1:]:
        print("\n".join(report_pairs(list(with_and_without(Path(sys.argv[1]))))))
        return
    with tempfile.TemporaryDirectory() as home:
        service = build(Settings(home=Path(home), threads=Settings.from_env().threads))
        try:
            service.library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
            print("\n".join(report(measured(service))))
        finally:
            service.close()


if __name__ == "__main__":
    main()
