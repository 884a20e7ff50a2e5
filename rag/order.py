"""Decide the final order: the reranker's own, or one in which the first stage has a share.

A cross-encoder is the best judge of text that it was trained to read. In other languages it is not: there,
on every set that was tried, its order was worse than that of a good hybrid search, and both orders together
at least as good as each (docs/retrieval.md). Every candidate is reranked all the same.
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.config import OrderChoice
from rag.fusion import fused_score
from rag.language_names import language_name
from rag.languages import known_model, may_read
from rag.outcomes import Ordering, OrderRule, Retriever
from rag.records import ModelInfo, Passage, RerankedHit

# Tuned on XQuAD in Spanish and German and on SQuAD-it; docs/retrieval.md has the figures, and what did not
# help. The first stage counts that much because in these languages it is that much better.
_CONSTANT = 60
_RERANKER, _RETRIEVED = 1.0, 4.0


def rule_for(
    question_language: str | None,
    passages: Sequence[Passage],
    reranker: ModelInfo,
    *,
    retriever: Retriever,
    choice: OrderChoice,
) -> Ordering:
    """Return the rule for the candidates `passages` of a question.

    It is the reranker's own order where `choice` asks for that, where only one search was made, and where
    the reranker reads the question's language. Where that language is not sure, the passages decide: most
    of those whose language is known must be in one that it reads. A reranker that the catalogue does not
    know is taken to read everything.
    """
    known = known_model(reranker.id)
    if choice == "reranker" or retriever != "hybrid" or known is None:
        return Ordering()
    if question_language is not None:
        if may_read(known, question_language):
            return Ordering()
        name = language_name(question_language)
        return _fused("question_language", f"The question is in {name}, which {reranker.id} does not read")
    languages = [passage.language for passage in passages if passage.language]
    unread = [language for language in languages if not may_read(known, language)]
    if 2 * len(unread) <= len(languages):
        return Ordering()
    return _fused(
        "passage_language",
        f"{len(unread)} of {len(languages)} candidates are in a language that {reranker.id} does not read",
    )


def in_final_order(hits: Sequence[RerankedHit], ordering: Ordering) -> tuple[RerankedHit, ...]:
    """Return `hits`, which come in the reranker's own order, in the final one.

    Ranks are 1..n; `reranker_rank` is each hit's rank as it came. Equal sums keep the reranker's order.
    """
    if ordering.rule == "reranker":
        return tuple(hits)

    def total(hit: RerankedHit) -> float:
        ranks = (ordering.reranker_weight, hit.rank), (ordering.retrieved_weight, hit.retrieved_rank)
        return fused_score(ranks, ordering.constant)

    ranked = sorted(hits, key=lambda hit: (-total(hit), hit.rank))
    return tuple(replace(hit, rank=rank, reranker_rank=hit.rank) for rank, hit in enumerate(ranked, start=1))


def _fused(rule: OrderRule, because: str) -> Ordering:
    said = f"{because}: the order in which the candidates were found counts beside the reranker's."
    return Ordering(rule, said, _CONSTANT, _RERANKER, _RETRIEVED)
