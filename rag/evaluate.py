"""Measure both stages over a BEIR folder: how well the retriever ranks, and what the reranker makes of it.

A document is one passage, title then text, of which each model reads what its window takes. In chunks, a
document counts at its best chunk: the retriever's list is deepened until it names `retrieve_k`
documents, and all its chunks down to there are reranked.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from rag import __version__
from rag.beir import BeirFolder, beir_files, read_beir
from rag.checkpoint import FinishedQuery, QueryLines, VectorRows, claim
from rag.chunk import split
from rag.embed import Embedder
from rag.errors import InputFileError
from rag.index import VectorIndex
from rag.metrics import MetricMeans, has_relevant, mean_metrics
from rag.records import Document, Hit, ModelInfo, Passage, StageTime
from rag.rerank import Reranker
from rag.timing import Stopwatch
from rag.trec import Ranked, Run, read_run, write_run, write_whole

Progress = Callable[[str, int, int], None]

_EMBED_BLOCK = 256


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """What is measured. `run` names a TREC run to rerank instead of retrieving; `limit` counts queries."""

    retrieve_k: int = 30
    chunk: bool = False
    run: Path | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class EvalReport:
    """What an evaluation found.

    `queries` were measured, `queries_resumed` of them by an earlier run that was interrupted, and
    `queries_left_out` had no relevant document among the judgments. Truncated passages and pairs are
    those of which a model's window took only a part. `stages` sum up the work of this run alone, and
    `seconds` is its whole duration. `reranked` is None without a reranker, `embedder` where the
    documents came from a run file.
    """

    retrieved: MetricMeans
    reranked: MetricMeans | None
    queries: int
    queries_resumed: int
    queries_left_out: int
    documents: int
    passages: int
    passages_resumed: int
    passages_truncated: int
    pairs: int
    pairs_truncated: int
    seconds: float
    stages: tuple[StageTime, ...]
    embedder: ModelInfo | None
    reranker: ModelInfo | None
    options: EvalOptions
    notices: tuple[str, ...]


def evaluate(
    folder: Path,
    *,
    options: EvalOptions,
    embedder: Embedder | None,
    reranker: Reranker | None,
    out: Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> EvalReport:
    """Return what both stages make of the BEIR data set in `folder`.

    `embedder` may be None where `options.run` lists whole documents, and `reranker` None to measure the
    first stage alone. `progress` hears, for "passages" and then "queries", how many of how many are done.

    `out` gets `retrieved.trec`, `reranked.trec` and `metrics.json`, and in `state` all that is finished:
    called again after an interruption, this goes on from there. Raises InputFileError where a file is
    not in the expected form, or where `out` holds the state of other inputs.
    """
    clock = Stopwatch()
    if options.run and not options.chunk:
        embedder = None
    elif embedder is None:
        raise ValueError("an embedder is needed to retrieve documents and to cut them into chunks")
    data = read_beir(folder)
    with contextlib.ExitStack() as stack:
        place = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        claim(place / "state", _inputs(folder, options, embedder, reranker))
        report = _Evaluation(data, options, embedder, reranker, place / "state", progress).report()
