"""How well the reranker tells whether a written sentence rests on the passage that it cites.

`python -m benchmarks.support` prints what docs/answers.md says of it. Each line of data/judged/claims.jsonl
holds what a passage of the sample documents says in other words (`claim`), and something that it does not
say about the same matter (`wrong`). It measures quality only, so it may run beside anything else.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.answers.support import SUPPORT_LOGIT
from rag.beir import read_beir
from rag.config import Settings
from rag.embed import Embedder
from rag.rerank import Reranker
from rag.service import load_model
from rag.timing import Stopwatch

_JUDGED = Path(__file__).resolve().parents[1] / "data" / "judged"
_NEAREST = 5


@dataclass(frozen=True, slots=True)
class Logits:
    """The logits of claims beside their passages, of claims beside others, and of what is wrong."""

    claims: tuple[float, ...]
    elsewhere: tuple[float, ...]
    wrong: tuple[float, ...]


def measured(embedder: Embedder, reranker: Reranker) -> Logits:
    """Return the logits; the others are the five passages nearest to a claim, but for its own."""
    lines = (_JUDGED / "claims.jsonl").read_text(encoding="utf-8").splitlines()
    claims = [json.loads(line) for line in lines]
    corpus = read_beir(_JUDGED).corpus
    names = list(corpus)
    vectors = embedder.embed_passages(list(corpus.values())).vectors
    right: list[float] = []
    elsewhere: list[float] = []
    wrong: list[float] = []
    for line in claims:
        own, claim = line["passage"], line["claim"]
        near = [names[i] for i in (-(vectors @ embedder.embed_query(claim))).argsort()]
        others = [corpus[name] for name in near if name != own][:_NEAREST]
        right += _logits(reranker, claim, [corpus[own]])
        elsewhere += _logits(reranker, claim, others)
        wrong += _logits(reranker, line["wrong"], [corpus[own]])
    return Logits(tuple(right), tuple(elsewhere), tuple(wrong))


def _logits(reranker: Reranker, sentence: str, passages: Sequence[str]) -> list[float]:
    scores = reranker.score(sentence, passages, watch=Stopwatch())
    return [score.logit for score in scores if score.logit is not None]


def main() -> None:
    """Print how many logits reach the threshold, and some others."""
    settings = Settings.from_env()
    logits = measured(
        Embedder(load_model(settings.embedder, "embed", threads=settings.threads)),
        Reranker(load_model(settings.reranker, "rerank", threads=settings.threads)),
    )
    print(
        "| logit | what the passage says | beside another passage | what it does not say |\n|---|---|---|---|"
    )
    for threshold in (0.0, 1.0, SUPPORT_LOGIT, 3.0, 4.0):
        shares = (logits.claims, logits.elsewhere, logits.wrong)
        cells = [f"{sum(one >= threshold for one in share)} of {len(share)}" for share in shares]
        print(f"| {threshold:g} | {' | '.join(cells)} |")
    print(f"lowest logit of what a passage says: {min(logits.claims):.2f}")


if __name__ == "__main__":
    main()
