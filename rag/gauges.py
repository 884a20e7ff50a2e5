"""What the service shows of itself at the moment of asking."""

from collections.abc import Callable, Iterable, Sequence

from rag.instruments import Gauge
from rag.pipeline import Pipeline
from rag.score_cache import ScoreCache


def gauges(
    pipeline: Pipeline,
    models_in_memory: Callable[[], Iterable[tuple[Sequence[str], float]]],
    scores: ScoreCache,
) -> list[Gauge]:
    """Return the gauges of a service; `models_in_memory` gives task and id of each, with its bytes."""
    gates = {"local": pipeline.gate, "remote": pipeline.remote_gate}
    return [
        (
            "reranklens_queue_length",
            "Questions and rerank requests that wait for their turn.",
            ["reranker"],
            lambda: [((name,), gate.waiting) for name, gate in gates.items()],
        ),
        (
            "reranklens_in_progress",
            "Questions and rerank requests that have their turn.",
            ["reranker"],
            lambda: [((name,), gate.in_use) for name, gate in gates.items()],
        ),
        (
            "reranklens_model_file_bytes",
            "Weights and tokenizer of the models in memory, as large as their files are.",
            ["task", "model"],
            models_in_memory,
        ),
        (
            "reranklens_cached_scores",
            "Pairs whose score is known.",
            (),
            lambda: [((), len(scores))],
        ),
    ]
