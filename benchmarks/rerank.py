"""Reranking 30 passages: one pair a run, against the same model in one padded batch.

The peers are FlashRank 0.2.10, as its users call it, and the same method on plain onnxruntime.
All three read the same model file, question and passages; nothing is cached.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.common import RETRIEVE_K, Limit, MeasureError, Section, build_with_samples, progress
from benchmarks.common import ratios, show, spread
from rag.config import DEFAULT_RERANKER, usable_cores
from rag.models.cache import locate
from rag.models.catalog import find
from rag.pipeline import Pipeline
from rag.records import Hit
from rag.rerank import Reranker
from rag.retrieve import retrieve
from rag.samples import SAMPLE_COLLECTION, sample_questions
from rag.service import Service, load_model
from rag.timing import Stopwatch

ROUNDS = 7
_FLASHRANK = "FlashRank 0.2.10"
_OURS, _BATCH = "RerankLens", "onnxruntime, one padded batch"
# FlashRank's own name for this model, and the file that it looks for in a folder of that name.
_PEER_MODEL, _PEER_FILE = "ms-marco-MiniLM-L-12-v2", "flashrank-MiniLM-L-12-v2_Q.onnx"

Logits = NDArray[np.float64]
Method = Callable[[str, Sequence[Hit]], Logits]


def measure(rounds: int = ROUNDS) -> Section:
    """Return the times of the three methods, interleaved, and how far their scores lie apart."""
    if find_spec("flashrank") is None:
        raise MeasureError("FlashRank is not installed. Run: pip install flashrank==0.2.10, or: make bench")
    with TemporaryDirectory(prefix="reranklens-bench-") as folder:
        service = build_with_samples(Path(folder))
        reranker = Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=usable_cores()))
        pipeline = Pipeline(service.library, service.embedder, reranker)
        methods = {
            _OURS: partial(_ours, reranker),
            _FLASHRANK: _flashrank(Path(folder)),
            _BATCH: _one_batch(),
        }
        sections = [_one_question(service, pipeline, methods, q, rounds) for q in sample_questions()[3::8]]
        service.close()
    return _section(sections, rounds)


def _one_question(
    service: Service, pipeline: Pipeline, methods: dict[str, Method], question: str, rounds: int
) -> dict[str, Any]:
    """Return each method's seconds and logits for `question`, and those of the whole question."""
    progress(f"rerank: {question}")
    nearest = partial(service.library.nearest, collection=SAMPLE_COLLECTION)
    hits = retrieve(question, embedder=service.embedder, nearest=nearest, k=RETRIEVE_K, watch=Stopwatch())
    logits = {name: method(question, hits) for name, method in methods.items()}  # the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    whole = []
    for _ in range(rounds):
        for name, method in methods.items():
            # A thread pool of onnxruntime spins for a moment after its work.
            time.sleep(0.1)
            began = time.perf_counter()
            method(question, hits)
            seconds[name].append(time.perf_counter() - began)
        time.sleep(0.1)
        result = pipeline.search(question, collection=SAMPLE_COLLECTION, retrieve_k=RETRIEVE_K)
        whole.append(result.total_s)
    return {"question": question, "hits": hits, "logits": logits, "seconds": seconds, "whole": whole}


def _section(measured: Sequence[dict[str, Any]], rounds: int) -> Section:
    rows = []
    for one in measured:
        seconds = one["seconds"]
        times = [spread([s * 1000 for s in seconds[name]], "ms") for name in seconds]
        gains = [
            spread(ratios(seconds[name], seconds[_OURS]), "×", digits=2) for name in (_FLASHRANK, _BATCH)
        ]
        whole = spread([s * 1000 for s in one["whole"]], "ms")
        rows.append([one["question"], *times, *gains, whole])
    gains = [gain for one in measured for gain in ratios(one["seconds"][_FLASHRANK], one["seconds"][_OURS])]
    return Section(
        title="Reranking 30 passages, warm",
        workload=(
            f"{len(measured)} questions on the sample collection, the same {RETRIEVE_K} retrieved passages "
            f"and the same int8 file for each method; tokenizing included, nothing cached. {rounds} rounds "
            "after one warm-up, the methods in turn within each round. RerankLens runs one pair at a time on "
            f"{usable_cores()} workers; the peers take all pairs as one batch, with onnxruntime's own choice "
            "of threads."
        ),
        columns=[
            "question",
            _OURS,
            _FLASHRANK,
            _BATCH,
            f"{_FLASHRANK} ÷ ours",
            f"{_BATCH} ÷ ours",
            "whole question",
        ],
        rows=rows,
        limits=[
            Limit(
                "reranking takes no longer than FlashRank's one batch",
                f"FlashRank takes {spread(gains, 'times as long', digits=2)}",
                median(gains) >= 1,
            )
        ],
        notes=[*map(_score_note, measured)],
    )


def _score_note(one: dict[str, Any]) -> str:
    """Say how a pair's score changes when it is scored in a batch instead of alone."""
    ours, flashrank, batch = (one["logits"][name] for name in (_OURS, _FLASHRANK, _BATCH))
    same_top = len(set(np.argsort(-ours)[:10]) & set(np.argsort(-flashrank)[:10]))
    return (
        f"“{one['question']}”: the largest difference of a pair's logit is "
        f"{np.abs(ours - flashrank).max():.2f} against FlashRank and {np.abs(ours - batch).max():.2f} against the "
        f"padded batch; {same_top} of the top 10 are the same. The int8 graph quantizes activations over a whole "
        "run, so in a batch a score depends on its neighbours."
    )


def _ours(reranker: Reranker, question: str, hits: Sequence[Hit]) -> Logits:
    ranked = reranker.rerank(question, hits, watch=Stopwatch())
    by_rank = {hit.retrieved_rank: hit.logit for hit in ranked}
    return np.array([by_rank[hit.rank] for hit in hits])


def _flashrank(folder: Path) -> Method:
    """Return FlashRank's reranking, on our model file: the folder saves it the download."""
    from flashrank import Ranker, RerankRequest  # not a part of the product's environment

    paths = locate(find(DEFAULT_RERANKER, "rerank"))
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
        return np.log(scores / (1 - scores))  # FlashRank gives the sigmoid

    return score


def _one_batch() -> Method:
    """Return plain onnxruntime on one padded batch, as FlashRank calls it."""
    paths = locate(find(DEFAULT_RERANKER, "rerank"))
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
    try:
        sys.exit(show(measure()))
    except MeasureError as exc:
        print(exc, file=sys.stderr)
        sys.exit(2)
