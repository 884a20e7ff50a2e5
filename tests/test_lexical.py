"""The lexical index: BM25 as another library computes it, and exact after any change and across a save."""

from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.lexical import K1, B, LexicalIndex

Texts = dict[int, list[str]]

WORDS = st.sampled_from(["a", "b", "c", "d", "e", "f", "g"])
TEXTS = st.dictionaries(st.integers(1, 60), st.lists(WORDS, max_size=8), max_size=25)
QUESTIONS = st.lists(WORDS, max_size=4, unique=True)


def index_of(texts: Texts) -> LexicalIndex:
    index = LexicalIndex()
    index.add(list(texts), list(texts.values()))
    return index


def found(
    index: LexicalIndex, question: Sequence[str], k: int = 100, **only: list[int]
) -> list[tuple[int, float]]:
    ids, scores = index.search([(word,) for word in question], k, within=only.get("within"))
    return list(zip(ids.tolist(), scores.tolist(), strict=True))


def second_opinion(texts: Texts, question: Sequence[str]) -> dict[int, float]:
    """What bm25s, with the same formula, scores above 0."""
    retriever = bm25s.BM25(method="lucene", k1=K1, b=B)
    retriever.index(list(texts.values()), show_progress=False)
    known = [word for word in question if word in retriever.vocab_dict]
    scores = retriever.get_scores(known) if known else np.zeros(len(texts))
    return {key: float(score) for key, score in zip(texts, scores, strict=True) if score > 0}


@settings(deadline=None, max_examples=60)
@given(TEXTS.filter(lambda texts: any(texts.values())), QUESTIONS)
def test_scores_are_those_of_another_library(texts: Texts, question: list[str]) -> None:
    scores = dict(found(index_of(texts), question))
    assert scores == pytest.approx(second_opinion(texts, question), rel=1e-5)


@settings(deadline=None)
@given(TEXTS, TEXTS, st.data())
def test_what_was_added_and_removed_before_leaves_no_trace(
    texts: Texts, later: Texts, data: st.DataObject
) -> None:
    later = {key + 100: words for key, words in later.items()}
    index = index_of(texts)
    keys = sorted(texts | later)
    removed = data.draw(st.lists(st.sampled_from(keys), unique=True) if keys else st.just([]))
    some = [key for key in removed if key in texts]
    index.remove(np.array(some, dtype=np.int64))
    for key, words in later.items():
        index.add([key], [words])
    index.remove(np.array([*removed, 999], dtype=np.int64))
    left = {key: words for key, words in (texts | later).items() if key not in removed}
    question = data.draw(QUESTIONS)
    assert (index.ids.tolist(), len(index)) == (sorted(left), len(left))
    assert found(index, question) == found(index_of(left), question)


@settings(deadline=None)
@given(TEXTS, QUESTIONS, st.integers(0, 30), st.data())
def test_the_best_of_some_are_the_first_of_all(
    texts: Texts, question: list[str], k: int, data: st.DataObject
) -> None:
    index = index_of(texts)
    every = found(index, question)
    assert found(index, question, k) == every[:k]
    assert every == sorted(every, key=lambda one: (-one[1], one[0]))
    within = data.draw(st.lists(st.integers(1, 60), unique=True))
    assert found(index, question, within=within) == [one for one in every if one[0] in within]


@settings(deadline=None)
@given(TEXTS, QUESTIONS)
def test_scores_of_given_texts_are_those_of_the_search(texts: Texts, question: list[str]) -> None:
    index = index_of(texts)
    asked = [*texts, 777]
    scores = index.scores([(word,) for word in question]).of(np.array(asked, dtype=np.int64))
    known = dict(found(index, question))
    assert scores.tolist() == [known.get(key, 0.0) for key in asked]


def test_a_word_is_as_rare_as_all_that_it_may_be() -> None:
    """Two texts whose language was mistaken do not have the common words for themselves."""
    texts = {key: ["it:acqua", f"it:{key}"] for key in range(50)} | {50: [":acqua", ":altro"], 51: [":nulla"]}
    index = index_of(texts)
    (ids, scores) = index.search([(":acqua", "it:acqua")], 100)
    assert (len(ids), len(set(scores.tolist()))) == (51, 1)
    apart = found(index, [":acqua", "it:acqua"])
    assert apart[0][0] == 50


@settings(deadline=None)
@given(TEXTS, QUESTIONS)
def test_a_saved_index_searches_alike_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, texts: Texts, question: list[str]
) -> None:
    path = tmp_path_factory.mktemp("index") / "words.bm25"
    index = index_of(texts)
    index.save(path)
    loaded = LexicalIndex.load(path)
    assert loaded is not None
    assert found(loaded, question) == found(index, question)
    loaded.add([500], [["a", "z"]])
    assert found(loaded, ["z"]) == found(index_of(texts | {500: ["a", "z"]}), ["z"])


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:40] + b"?" + data[41:]]
)
def test_a_damaged_file_is_no_index(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "words.bm25"
    index_of({1: ["tea", "water"], 2: ["coffee"]}).save(path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert LexicalIndex.load(path) is None
    assert LexicalIndex.load(tmp_path / "missing.bm25") is None


def test_there_must_be_as_many_texts_as_ids() -> None:
    with pytest.raises(ValueError, match="expected as many texts as ids, found 1 and 2"):
        LexicalIndex().add([1, 2], [["tea"]])


def test_an_empty_index_finds_nothing() -> None:
    assert found(LexicalIndex(), ["tea"]) == []
    assert found(index_of({1: []}), ["tea"]) == []
