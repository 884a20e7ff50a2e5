"""What an evaluation is asked for, what it reports, and the report as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.config import Settings
from rag.metrics import MetricMeans
from rag.records import ModelInfo, StageTime


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """What is measured. `run` names a TREC run to rerank instead of retrieving; `limit` counts queries.

    `retrieve_k` None leaves a run whole, and without a run stands for the default of the settings.
    """

    retrieve_k: int | None = None
    chunk: bool = False
    run: Path | None = None
    limit: int | None = None

    @property
    def depth(self) -> int | None:
        """How many documents of each query are reranked; None for all that the run lists."""
        if self.retrieve_k is None and self.run is None:
            return Settings().retrieve_k
        return self.retrieve_k

    @property
    def needs_embedder(self) -> bool:
        """Whether anything is embedded, or split by the embedder's tokens."""
        return self.chunk or self.run is None


@dataclass(frozen=True, slots=True)
class CorpusCounts:
    """The corpus as it was searched: `truncated` passages did not fit into the embedder's window.

    `resumed` passages had been embedded by an earlier run. A run file makes all three counts 0.
    """

    documents: int
    passages: int = 0
    resumed: int = 0
    truncated: int = 0


@dataclass(frozen=True, slots=True)
class QueryCounts:
    """The queries, and the pairs of query and passage that the reranker read.

    `measured` queries enter the metrics; `resumed` of them were ranked by an earlier run. `left_out` have
    no relevant document among the judgments. `truncated_pairs` did not fit into the reranker's window.
    """

    measured: int
    resumed: int
    left_out: int
    pairs: int
    truncated_pairs: int


@dataclass(frozen=True, slots=True)
class EvalReport:
    """What an evaluation found.

    `reranked` is None without a reranker. `stages` sum up the work of this run alone, in the order of
    first use, and `seconds` is its whole duration: what an earlier run did is in neither. `notices` are
    sentences on what the reader must know of the data.
    """

    retrieved: MetricMeans
    reranked: MetricMeans | None
    corpus: CorpusCounts
    queries: QueryCounts
    seconds: float
    stages: tuple[StageTime, ...]
    embedder: ModelInfo | None
    reranker: ModelInfo | None
    options: EvalOptions
    notices: tuple[str, ...]


def report_json(report: EvalReport) -> str:
    """Return `report` as JSON, the metrics under the names that tables give them."""
    fields = asdict(report) | {
        "retrieved": report.retrieved.by_name,
        "reranked": report.reranked and report.reranked.by_name,
        "options": asdict(report.options)
        | {"retrieve_k": report.options.depth, "run": report.options.run and str(report.options.run)},
    }
    return json.dumps(fields, indent=2)


def sum_stages(stages: Iterable[StageTime]) -> tuple[StageTime, ...]:
    """Return one entry for each stage name, in order of first occurrence, with the sums of its entries."""
    sums: dict[str, StageTime] = {}
    for one in stages:
        so_far = sums.get(one.stage, StageTime(one.stage, 0.0))
        sums[one.stage] = StageTime(
            one.stage,
            seconds=so_far.seconds + one.seconds,
            items=so_far.items + one.items,
            tokens=so_far.tokens + one.tokens,
            cached=so_far.cached + one.cached,
            cold=so_far.cold or one.cold,
        )
    return tuple(sums.values())
