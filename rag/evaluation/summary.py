"""What an evaluation is asked for, what it reports, and the report as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rag.config import DEFAULT_FUSION, Fusion, OrderChoice, Settings
from rag.metrics import MetricMeans
from rag.outcomes import OrderRule, Retriever
from rag.records import ModelInfo, StageTime


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """What is measured. `run` names a TREC run to rerank instead of retrieving; `limit` counts queries.

    `retrieve_k` None leaves a run whole, and without a run stands for the default of the settings. An
    experiment names its stages: by itself, candidates are found by vectors alone.
    """

    retrieve_k: int | None = None
    chunk: bool = False
    run: Path | None = None
    limit: int | None = None
    retriever: Retriever = "dense"
    fusion: Fusion = DEFAULT_FUSION
    order: OrderChoice = "auto"

    @property
    def depth(self) -> int | None:
        """How many documents of each query are reranked; None for all that the run lists."""
        if self.retrieve_k is None and self.run is None:
            return Settings().retrieve_k
        return self.retrieve_k

    @property
    def needs_embedder(self) -> bool:
        """Whether anything is embedded, or split by the embedder's tokens."""
        return self.chunk or (self.run is None and self.retriever != "lexical")

    @property
    def found_by(self) -> str:
        """What finds the candidates, in a word: the retriever, or "run" where a run lists them."""
        return "run" if self.run else self.retriever


@dataclass(frozen=True, slots=True)
class CorpusCounts:
    """The corpus as it was searched: `truncated` passages did not fit into the embedder's window.

    `resumed` passages had been embedded by an earlier run. Both are 0 where nothing is embedded, and with a
    run file there are no passages either.
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

    `reranked` is None without a reranker; it is the final order. `rules` counts the queries by the rule of
    theirs, and where any is not the reranker's own order, `by_reranker` is that. `stages` sum up the work
    of this run alone, in the order of first use, and `seconds` is its whole duration: what an earlier run
    did is in neither. `notices` are sentences on what the reader must know of the data.
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
    rules: Mapping[OrderRule, int] = field(default_factory=dict)
    by_reranker: MetricMeans | None = None


def report_json(report: EvalReport) -> str:
    """Return `report` as JSON, the metrics under the names that tables give them."""
    fields = asdict(report) | {
        "retrieved": report.retrieved.by_name,
        "reranked": report.reranked and report.reranked.by_name,
        "by_reranker": report.by_reranker and report.by_reranker.by_name,
        "retriever": report.options.found_by,
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
