"""Reranking 30 passages: one pair a run, against the same model in one padded batch.

The peers are FlashRank 0.2.10, as its users call it, and the same method on plain onnxruntime.
All three read the same model file, question and passages; nothing is cached.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.common import (
    RETRIEVE_K,
    Limit,
    MeasureError,
    Section,
    build_with_samples,
    progress,
    ratios,
    run,
    spread,
)
from rag.config import DEFAULT_RERANKER, Settings, usable_cores
from rag.models.cache import locate
from rag.pipeline import Pipeline
from rag.records import Hit
from rag.rerank import Reranker
from rag.retrieve import retrieve
from rag.samples import SAMPLE_COLLECTION, sample_questions
from rag.service import Service, load_model
from rag.timing import Stopwatch

ROUNDS = 7
# How much longer the one-batch method should take.
GAIN = 3.0
_OURS, _FLASHRANK, _BATCH = "ours", "flashrank", "batch"
_BATCH_NOTE = (
    "The int8 graph quantizes activations over a whole run, so a score from a batch depends on the pair's "
    "neighbours; scored alone, it depends on the pair."
)
# FlashRank's own name for this model, and the file that it looks for in a folder of that name.
_PEER_MODEL, _PEER_FILE = "ms-marco-MiniLM-L-12-v2", "flashrank-MiniLM-L-12-v2_Q.onnx"

Logits = NDArray[np.float64]
Method = Callable[[str, Sequence[Hit]], Logits]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One question's rounds: seconds by method, the whole question's seconds, and each method's logits."""

    question: str
    logits: Mapping[str, Logits]
    seconds: Mapping[str, Sequence[float]]
    whole: Sequence[float]

    def gains(self, peer: str) -> list[float]:
        """Return how many times longer `peer` took, round by round."""
        return ratios(self.seconds[peer], self.seconds[_OURS])


def measure(rounds: int = ROUNDS) -> Section:
    """Return the times of the three methods, interleaved, and how far their scores lie apart."""
    if find_spec("flashrank") is None:
        raise MeasureError("FlashRank is not installed. Run: make bench, or: pip install flashrank==0.2.10")
    with TemporaryDirectory(prefix="reranklens-bench-") as folder:
        service = build_with_samples(Path(folder))
        reranker = Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=usable_cores()))
        methods: dict[str, Method] = {
            _OURS: partial(_ours, reranker),
            _FLASHRANK: _flashrank(Path(folder)),
            _BATCH: _one_batch(),
        }
        # A pipeline without the score cache, which would answer every round but the first.
        uncached = Pipeline(service.library, reranker)
        measured = [_ask(service, uncached, methods, q, rounds) for q in sample_questions()[3::8]]
        service.close()
    return _section(measured, rounds)


def _ask(
    service: Service, pipeline: Pipeline, methods: Mapping[str, Method], question: str, rounds: int
) -> Measured:
    progress(f"rerank: {question}")
    found = service.library.searcher(SAMPLE_COLLECTION)
    hits = retrieve(question, found, k=RETRIEVE_K, watch=Stopwatch()).hits
    logits = {name: method(question, hits) for name, method in methods.items()}  # the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    whole = []
    for number in range(rounds):
        names = list(methods)
        for name in names[number % len(names) :] + names[: number % len(names)]:  # each goes first in turn
            # A thread pool of onnxruntime spins for a moment after its work.
            time.sleep(0.1)
            began = time.perf_counter()
            methods[name](question, hits)
            seconds[name].append(time.perf_counter() - began)
        time.sleep(0.1)
        result = pipeline.search(question, collection=SAMPLE_COLLECTION, retrieve_k=RETRIEVE_K)
        whole.append(result.total_s)
    return Measured(question, logits, seconds, whole)


def _section(measured: Sequence[Measured], rounds: int) -> Section:
    gains = [gain for one in measured for gain in one.gains(_FLASHRANK)]
    return Section(
        title=f"Reranking {RETRIEVE_K} passages, warm",
        workload=(
            f"{len(measured)} questions on the sample collection; for each method the same "
            f"{RETRIEVE_K} retrieved passages and the same int8 file, tokenizing included, nothing cached. "
            f"{rounds} rounds after one warm-up, the methods in turn within each round. RerankLens scores "
            f"one pair at a time on {usable_cores()} workers; FlashRank {version('flashrank')}, and the same "
            "method on plain onnxruntime, take all pairs as one padded batch, on as many threads as "
            "onnxruntime chooses."
        ),
        columns=[
            "question",
            "RerankLens",
            "FlashRank",
            "one batch",
            "FlashRank ÷ ours",
            "one batch ÷ ours",
            "whole question, ours",
        ],
        rows=[_row(one) for one in measured],
        limits=[
            Limit(
                f"FlashRank's one batch takes at least {GAIN:g} times as long",
                f"FlashRank takes {spread(gains, 'times as long', digits=2)}",
                median(gains) >= GAIN,
            )
        ],
        notes=[_BATCH_NOTE, *map(_score_note, measured)],
    )


def _row(one: Measured) -> list[str]:
    times = [spread([s * 1000 for s in one.seconds[name]], "ms") for name in (_OURS, _FLASHRANK, _BATCH)]
    gains = [spread(one.gains(name), "×", digits=2) for name in (_FLASHRANK, _BATCH)]
    return [one.question, *times, *gains, spread([s * 1000 for s in one.whole], "ms")]


def _score_note(one: Measured) -> str:
    ours, flashrank, batch = (one.logits[name] for name in (_OURS, _FLASHRANK, _BATCH))
    same_top = len(set(np.argsort(-ours)[:10]) & set(np.argsort(-flashrank)[:10]))
    return (
        f"“{one.question}”: logits differ by up to {np.abs(ours - flashrank).max():.2f} from FlashRank's and "
        f"{np.abs(ours - batch).max():.2f} from the plain batch's; {same_top} of the top 10 are the same."
    )


def _ours(reranker: Reranker, question: str, hits: Sequence[Hit]) -> Logits:
    ranked = reranker.rerank(question, hits, watch=Stopwatch())
    by_rank = {hit.retrieved_rank: hit.logit for hit in ranked}
    return np.array([by_rank[hit.rank] for hit in hits])


def _flashrank(folder: Path) -> Method:
    """Return FlashRank's reranking, on our model file: the folder saves it the download."""
    from flashrank import Ranker, RerankRequest  # type: ignore[import-not-found,unused-ignore]

    paths = locate(DEFAULT_RERANKER, "rerank", Settings().model_cache)
    model = folder / _PEER_MODEL
    model.mkdir()
    (model / _PEER_FILE).symlink_to(paths.graph)
    (model / "tokenizer.json").symlink_to(paths.tokenizer)
    tokens = {
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    }
    settings = {"model_max_length": 512, "pad_token": "[PAD]"}
    files = {"config": {"pad_token_id": 0}, "tokenizer_config": settings, "special_tokens_map": tokens}
    for name, content in files.items():
        (model / f"{name}.json").write_text(json.dumps(content))
    ranker = Ranker(_PEER_MODEL, cache_dir=str(folder), max_length=512, log_level="WARNING")

    def score(question: str, hits: Sequence[Hit]) -> Logits:
        passages = [{"id": i, "text": hit.passage.text} for i, hit in enumerate(hits)]
        ranked = ranker.rerank(RerankRequest(query=question, passages=passages))
        by_id = {passage["id"]: float(passage["score"]) for passage in ranked}
        scores = np.array([by_id[i] for i in range(len(hits))])
        logits: Logits = np.log(scores / (1 - scores))  # FlashRank gives the sigmoid
        return logits

    return score


def _one_batch() -> Method:
    """Return plain onnxruntime on one padded batch, as FlashRank calls it."""
    paths = locate(DEFAULT_RERANKER, "rerank", Settings().model_cache)
    session = ort.InferenceSession(str(paths.graph), providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(paths.tokenizer))
    tokenizer.enable_truncation(512)
    tokenizer.enable_padding()

    def score(question: str, hits: Sequence[Hit]) -> Logits:
        encodings = tokenizer.encode_batch([(question, hit.passage.text) for hit in hits])
        feed = {
            "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
            "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
            "token_type_ids": np.array([e.type_ids for e in encodings], dtype=np.int64),
        }
        return np.ravel(session.run(None, feed)[0]).astype(np.float64)

    return score


if __name__ == "__main__":
    sys.exit(run(measure))
