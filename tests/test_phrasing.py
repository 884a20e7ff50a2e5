"""Passages are told apart by the wording of the question, where single words do not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.phrasing import phrasing_scores
from rag.records import Passage


def passage(text: str, language: str | None = "en") -> Passage:
    return Passage(text[:8], "d", "d.txt", text, 0, len(text), language=language)


def order(question: str, texts: list[str], language: str | None = "en") -> list[str]:
    scores = phrasing_scores(question, [passage(text, language) for text in texts], [0.0] * len(texts))
    return [texts[i] for i in np.argsort(-scores, kind="stable")]


def test_words_that_stand_together_in_the_question_count_where_they_stand_together() -> None:
    apart = "A new mayor was elected. The city of York is old, and so are its walls."
    together = "New York is large, and so are its walls. The mayor was elected there."
    assert order("Who is mayor of New York?", [apart, together]) == [together, apart]


def test_telling_words_count_as_near_across_the_small_ones_between_them() -> None:
    near = "The pressure of the boiler is shown here on the front."
    far = "The boiler stands here. On the front of a house in the north a pressure is shown."
    assert order("What is the boiler's pressure?", [far, near]) == [near, far]


def test_a_compound_shares_pieces_with_the_word_in_it() -> None:
    assert order("Welches Rezept?", ["Viele Bücher.", "Viele Kochrezepte."], "de")[0] == "Viele Kochrezepte."


def test_the_score_of_the_words_is_in_it_whole() -> None:
    texts = [passage("Bread and butter"), passage("Butter")]
    bare = phrasing_scores("bread and butter", texts, [0.0, 0.0])
    assert np.allclose(phrasing_scores("bread and butter", texts, [1.0, 3.0]) - bare, [1.0, 3.0])


def test_each_passage_is_read_in_its_own_language() -> None:
    both = [passage("Die Rezepte meiner Tante", "de"), passage("My aunt's recipes", "en")]
    german, english = phrasing_scores("Rezepte meiner Tante", both, [0.0, 0.0])
    assert german > english == 0


def test_no_passages_give_no_scores() -> None:
    assert phrasing_scores("anything", [], []).shape == (0,)


@given(st.text(max_size=30), st.lists(st.text(max_size=60), max_size=5))
def test_any_text_has_a_score_that_is_not_negative(question: str, texts: list[str]) -> None:
    scores = phrasing_scores(question, [passage(text, None) for text in texts], [0.0] * len(texts))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
