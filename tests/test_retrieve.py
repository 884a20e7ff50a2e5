"""Retrieving: by vectors, by words, and by both, each hit with what both say of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_library import add, opened

from rag.config import DEFAULT_FUSION, Fusion
from rag.embed import Embedder
from rag.library import Library
from rag.outcomes import Retriever
from rag.records import Hit
from rag.retrieve import (
    FUSED_DEPTH,
    Corpus,
    Found,
    Ranks,
    Searched,
    fused,
    hybrid_score,
    retrieve,
)
from rag.timing import Stopwatch

TEXTS = {
    "orecchiette.txt": "Le orecchiette si preparano con farina di grano duro e acqua tiepida, e si cuociono "
    "in acqua salata per dieci minuti.",
    "farina.txt": "La farina di grano duro si conserva in un luogo asciutto, lontano dalla luce del sole.",
    "garanzia.txt": "La garanzia dura due anni dalla data di acquisto e copre ogni difetto di fabbrica.",
    "boiler.txt": "The boiler needs a new valve before the winter starts, and a plumber to fit it.",
}
QUESTION = "Come si preparano le orecchiette?"
KEYS = st.lists(st.integers(1, 30), unique=True, max_size=15)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        for name, text in TEXTS.items():
            add(library, name, text)
        yield library


def ask(
    library: Library,
    retriever: Retriever,
    *,
    k: int = 10,
    watch: Stopwatch | None = None,
    fusion: Fusion = DEFAULT_FUSION,
) -> Found:
    searcher = library.searcher("c")
    return retrieve(QUESTION, searcher, k=k, watch=watch or Stopwatch(), retriever=retriever, fusion=fusion)


def documents(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.passage.document for hit in hits]


@pytest.mark.parametrize(
    ("retriever", "stages"),
    [
        ("dense", ["embed", "search"]),
        ("lexical", ["lexical"]),
        ("hybrid", ["embed", "search", "lexical", "phrasing", "fuse"]),
    ],
)
def test_each_search_is_a_stage_and_ranks_are_without_gaps(
    library: Library, retriever: Retriever, stages: list[str]
) -> None:
    watch = Stopwatch()
    found = ask(library, retriever, watch=watch)
    assert [stage.stage for stage in watch.stages] == stages
    for hits in (found.hits, found.lexical):
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


@dataclass
class Watched:
    """What can be searched, and which stages were over when the search let go of it."""

    searched: Searched
    watch: Stopwatch
    over: list[str] = field(default_factory=list)

    @property
    def embedder(self) -> Embedder | None:
        return self.searched.embedder

    @contextmanager
    def looking(self) -> Iterator[Corpus]:
        with self.searched.looking() as corpus:
            yield corpus
        self.over += [stage.stage for stage in self.watch.stages]


def test_nobody_has_to_wait_while_the_phrasing_is_compared(library: Library) -> None:
    watch = Stopwatch()
    watched = Watched(library.searcher("c"), watch)
    found = retrieve(QUESTION, watched, k=10, watch=watch, retriever="hybrid")
    assert watched.over == ["embed", "search", "lexical"]
    assert found == ask(library, "hybrid")


@pytest.mark.parametrize("question", ["?!", "…", "the of and", "🙂"])
@pytest.mark.parametrize("k", [1, 1000])
def test_a_question_without_a_telling_word_keeps_the_order_by_vectors(
    library: Library, question: str, k: int
) -> None:
    searcher = library.searcher("c")
    both, dense, words = (
        retrieve(question, searcher, k=k, watch=Stopwatch(), retriever=retriever)
        for retriever in ("hybrid", "dense", "lexical")
    )
    if not words.hits:
        assert documents(both.hits) == documents(dense.hits)
    assert len(both.hits) == min(k, len(TEXTS))


def test_by_words_only_what_has_one_is_found_and_nothing_is_embedded(library: Library) -> None:
    found = ask(library, "lexical")
    assert documents(found.hits)[0] == "orecchiette.txt"
    assert "boiler.txt" not in documents(found.hits)
    assert all(hit.cosine is None and hit.dense_rank is None and hit.bm25 for hit in found.hits)
    assert found.lexical == found.hits


def test_by_vectors_a_hit_says_nothing_of_words(library: Library) -> None:
    found = ask(library, "dense")
    assert {(hit.lexical_rank, hit.bm25) for hit in found.hits} == {(None, None)}
    assert [hit.dense_rank for hit in found.hits] == [hit.rank for hit in found.hits]


def test_by_both_each_hit_has_the_cosine_and_the_score_of_either_search(library: Library) -> None:
    both = ask(library, "hybrid")
    cosines = {hit.passage: hit.cosine for hit in ask(library, "dense").hits}
    scores = {hit.passage: hit.bm25 for hit in ask(library, "lexical").hits}
    for hit in both.hits:
        assert hit.cosine == cosines[hit.passage]
        assert hit.bm25 == scores.get(hit.passage, 0.0)
        assert (hit.lexical_rank is None) == (hit.passage not in scores)


def test_what_only_words_found_has_its_true_cosine_and_no_rank_by_vectors(library: Library) -> None:
    for n in range(FUSED_DEPTH):  # nearer than the passage, but without the rare word
        add(library, f"{n}.txt", f"Come si preparano le orecchi {n}?")
    hits = {hit.passage.document: hit for hit in ask(library, "hybrid", k=30).hits}
    hit, searcher = hits["orecchiette.txt"], library.searcher("c")
    vector = searcher.embedder.embed_query(QUESTION)
    names, cosines = zip(
        *((one.document, cosine) for one, cosine in searcher.nearest(vector, 1000)), strict=True
    )
    assert (names.index("orecchiette.txt") >= FUSED_DEPTH, hit.dense_rank) == (True, None)
    assert hit.cosine == cosines[names.index("orecchiette.txt")]


@pytest.mark.parametrize("fusion", [Fusion(), Fusion(60, 3, 1, 0), Fusion(1, 1, 5, 1)])
def test_the_sums_of_the_three_ranks_decide(library: Library, fusion: Fusion) -> None:
    hits = ask(library, "hybrid", fusion=fusion).hits
    sums = [hybrid_score(hit.dense_rank, hit.lexical_rank, hit.phrasing_rank, fusion) for hit in hits]
    assert sums == sorted(sums, reverse=True)
    assert {hit.phrasing_rank for hit in hits} == {1, 2, 3, 4}


def test_a_ranking_without_weight_has_no_say(library: Library) -> None:
    by_vectors = ask(library, "hybrid", fusion=Fusion(60, 1, 0, 0))
    assert documents(by_vectors.hits) == documents(ask(library, "dense").hits)


def places(keys: list[int]) -> dict[int, int]:
    return {key: rank for rank, key in enumerate(keys, start=1)}


@given(KEYS, KEYS)
def test_the_fused_ranking_has_what_both_have_each_once(dense: list[int], lexical: list[int]) -> None:
    together = fused(Ranks(places(dense), places(lexical), {}), Fusion()).tolist()
    assert sorted(together) == sorted({*dense, *lexical})
    assert fused(Ranks(places(dense), {}, {}), Fusion()).tolist() == dense


def test_of_equal_sums_the_one_nearer_by_vectors_goes_first() -> None:
    alike = Fusion(60, 1, 1, 0)
    assert fused(Ranks({5: 1}, {2: 1}, {}), alike).tolist() == [5, 2]
    assert fused(Ranks({5: 1, 2: 2}, {2: 1, 5: 2}, {}), alike).tolist() == [5, 2]


def test_no_more_than_asked_for_are_found_however_deep_the_lists_go(library: Library) -> None:
    found = ask(library, "hybrid", k=1)
    assert (len(found.hits), len(found.lexical)) == (1, 1)
    assert found.hits == ask(library, "hybrid", k=3).hits[:1]


def test_a_document_by_itself_is_searched_by_words_too(library: Library) -> None:
    document_id = next(info.id for info in library.documents("c") if info.name == "farina.txt")
    searcher = library.searcher("c", document_id=document_id)
    found = retrieve("la farina e le orecchiette", searcher, k=9, watch=Stopwatch(), retriever="hybrid")
    assert documents(found.hits) == documents(found.lexical) == ["farina.txt"]
