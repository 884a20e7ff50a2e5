"""Hits that say the same are recognised, and those that differ in a figure are not taken for the same."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from results import search_result

from rag.duplicates import mark_duplicates, wording
from rag.embed import Embedder
from rag.records import Hit, Passage

PUMP = (
    "Before the pump is started, the valve at the bottom of the boiler is opened by a quarter of a turn, "
    "and the gauge must read 4 bar within two minutes of the first sound of water in the pipe."
)
OVEN = "The oven is heated to 220 degrees and the bread goes in when the stone is hot."


def hits_of(texts: Sequence[str]) -> tuple[Hit, ...]:
    passages = [Passage(f"c{n}", "d", "a.txt", text, 0, len(text)) for n, text in enumerate(texts)]
    return tuple(Hit(rank, passage, 0.5) for rank, passage in enumerate(passages, start=1))


def marks(texts: Sequence[str], embedder: Embedder) -> list[int | None]:
    """For each of `texts`, in order of rank, the rank of the first that says the same."""
    hits = hits_of(texts)
    rows = embedder.embed_passages(list(texts)).vectors
    vectors = {hit.passage.chunk_id: row for hit, row in zip(hits, rows, strict=True)}
    return [hit.duplicate_of for hit in mark_duplicates(hits, vectors)]


def test_the_same_text_is_the_same_whatever_its_white_space(embedder: Embedder) -> None:
    assert marks([PUMP, OVEN, PUMP.replace(" ", "\n "), PUMP], embedder) == [None, None, 1, 1]


def test_the_same_text_is_found_by_itself_and_not_by_its_vector() -> None:
    hits = hits_of([PUMP, PUMP.replace(" ", "  ")])
    apart = {"c0": np.array([1, 0], np.float32), "c1": np.array([0, 1], np.float32)}
    assert [(hit.duplicate_of, hit.similarity) for hit in mark_duplicates(hits, apart)] == [
        (None, None),
        (1, 1.0),
    ]


def test_nearly_the_same_text_is_recognised_and_says_how_near_it_is(embedder: Embedder) -> None:
    texts = [PUMP, PUMP.replace("started", "switched on"), PUMP.upper()]
    assert marks(texts, embedder) == [None, 1, 1]
    vectors = dict(zip(("c0", "c1", "c2"), embedder.embed_passages(texts).vectors, strict=True))
    near = [hit.similarity or 0 for hit in mark_duplicates(hits_of(texts), vectors)[1:]]
    assert all(0.98 <= cosine < 1 for cosine in near)


@pytest.mark.parametrize(
    "other",
    [
        PUMP.replace("4 bar", "6 bar"),
        PUMP.replace("4 bar", "4.5 bar"),
        PUMP.replace("4 bar", "four bar"),
        OVEN,
    ],
)
def test_what_differs_in_a_figure_is_not_the_same(other: str, embedder: Embedder) -> None:
    assert marks([PUMP, other], embedder) == [None, None]


def test_rows_that_differ_in_a_name_are_not_the_same(embedder: Embedder) -> None:
    rows = ["Name: Rossi; City: Milano; Role: plumber", "Name: Rossi; City: Torino; Role: plumber"]
    assert marks(rows, embedder) == [None, None]
    assert not wording(rows[0]).agrees(wording(rows[1]))


def test_a_near_vector_alone_makes_no_duplicate() -> None:
    hits = hits_of([PUMP, OVEN])
    same = dict.fromkeys(("c0", "c1"), np.array([1, 0], np.float32))
    assert mark_duplicates(hits, same) == hits


def test_a_hit_is_a_duplicate_of_the_first_and_never_of_a_duplicate(embedder: Embedder) -> None:
    texts = [OVEN, PUMP, PUMP.replace("started", "begun"), PUMP.replace("started", "begun") + " So."]
    assert marks(texts, embedder) == [None, None, 2, 2]


def test_in_another_order_another_one_is_the_first() -> None:
    reranked = search_result((3, 1, 2)).reranked  # all of one text
    vectors = {hit.passage.chunk_id: np.array([1, 0], np.float32) for hit in reranked}
    marked = mark_duplicates(reranked, vectors)
    assert [hit.duplicate_of for hit in marked] == [None, 1, 1]
    assert [replace(hit, duplicate_of=None, similarity=None) for hit in marked] == list(reranked)


def test_no_hit_or_one_has_no_duplicate() -> None:
    assert mark_duplicates((), {}) == ()
    assert mark_duplicates(hits_of([PUMP]), {}) == hits_of([PUMP])
