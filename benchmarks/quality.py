"""How good both stages are on the sample collection: all questions, each language, and the orecchiette.

`python -m benchmarks.quality` prints the table of the README. It measures quality only, so it may run beside
anything else.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rag.beir import read_beir
from rag.config import Settings
from rag.embed import Embedder
from rag.evaluation.evaluate import evaluate
from rag.evaluation.summary import EvalOptions
from rag.metrics import mean_metrics
from rag.outcomes import Retriever
from rag.rerank import Reranker
from rag.score_cache import ScoreCache
from rag.service import load_model
from rag.trec import Run, read_run

JUDGED = Path(__file__).resolve().parents[1] / "data" / "judged"
ORECCHIETTE = "it01"
RETRIEVERS: tuple[Retriever, ...] = ("dense", "hybrid")


def main() -> None:
    """Print the figures of both stages, by vectors and by vectors and words."""
    settings = Settings.from_env()
    embedder = Embedder(load_model(settings.embedder, "embed", threads=settings.threads))
    reranker = Reranker(load_model(settings.reranker, "rerank", threads=settings.threads), ScoreCache())
    qrels = read_beir(JUDGED).qrels
    relevant = {document for document, grade in qrels[ORECCHIETTE].items() if grade > 0}
    print("| questions | found by | nDCG@10 retrieved | nDCG@10 in the final order |\n|---|---|---|---|")
    said = []
    for retriever in RETRIEVERS:
        with tempfile.TemporaryDirectory() as out:
            options = EvalOptions(retriever=retriever)
            evaluate(JUDGED, options=options, embedder=embedder, reranker=reranker, out=Path(out))
            runs = {stage: read_run(Path(out) / f"{stage}.trec") for stage in ("retrieved", "reranked")}
        for name, queries in languages().items():
            figures = [ndcg(run, qrels, queries) for run in runs.values()]
            print(f"| {len(queries)} {name} | {retriever} | {figures[0]:.3f} | {figures[1]:.3f} |")
        for stage, run in runs.items():
            found = sum(ranked.document_id in relevant for ranked in run[ORECCHIETTE][:10])
            said.append(
                f"{retriever}, {stage}: {found} of {len(relevant)} chunks about orecchiette in the top 10"
            )
    print("\n".join(said))


def languages() -> dict[str, list[str]]:
    """Return the ids of all questions, and of each language's."""
    lines = map(json.loads, (JUDGED / "queries.jsonl").read_text(encoding="utf-8").splitlines())
    language_of = {line["_id"]: line["metadata"]["language"] for line in lines}
    italian = [name for name, language in language_of.items() if language == "it"]
    english = [name for name, language in language_of.items() if language == "en"]
    return {"in all": list(language_of), "in Italian": italian, "in English": english}


def ndcg(run: Run, qrels: Mapping[str, Mapping[str, int]], queries: list[str]) -> float:
    """Return the mean nDCG@10 over `queries`."""
    rankings = {name: [ranked.document_id for ranked in run.get(name, ())] for name in queries}
    means = mean_metrics(rankings, {name: qrels[name] for name in queries}, recall_depth=30)
    return means.by_name["nDCG@10"]


if __name__ == "__main__":
    main()
