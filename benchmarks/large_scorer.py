"""Score the passages of each line of standard input, warm: `python -m benchmarks.large_scorer METHOD FOLDER`.

METHOD is `ours` (RerankLens on the exported model) or `torch` (sentence-transformers on the original).
Each answer is a line of JSON with the `seconds` taken and the `tokens` fed.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.config import usable_cores

Score = Callable[[str, Sequence[str]], int]


def _ours(folder: str) -> Score:
    from rag.models.load import load
    from rag.rerank import Reranker
    from rag.timing import Stopwatch

    reranker = Reranker(load(folder, "rerank", cache=Path("none"), threads=usable_cores()))

    def score(query: str, passages: Sequence[str]) -> int:
        watch = Stopwatch()
        reranker.score(query, passages, watch=watch)
        return next(stage.tokens for stage in watch.stages if stage.stage == "score")

    return score


def _torch(folder: str) -> Score:
    import torch
    from sentence_transformers import CrossEncoder

    torch.set_num_threads(usable_cores())
    model = CrossEncoder(folder, device="cpu", local_files_only=True)

    def score(query: str, passages: Sequence[str]) -> int:
        model.predict([(query, passage) for passage in passages], batch_size=32, show_progress_bar=False)
        return 0

    return score


def main() -> None:
    """Answer until standard input ends."""
    score = {"ours": _ours, "torch": _torch}[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.perf_counter()
        tokens = score(asked["query"], asked["passages"])
        print(json.dumps({"seconds": time.perf_counter() - began, "tokens": tokens}), flush=True)


if __name__ == "__main__":
    main()
