"""The extractive answer: the passages' own sentences, each with its place."""

import re

import pytest

from rag.answer import extract
from rag.rerank import Reranker
from rag.timing import Stopwatch

QUESTION = "How long is the warranty?"
PASSAGES = [
    "Service\n\nIt is made in Bari. Its warranty lasts two years from the day of purchase. Keep the bill.",
    "Museums are closed on Mondays. The WARRANTY lasts two years, from the day of purchase!",
    "12. 34 – 56!",
]
ANSWER = "Its warranty lasts two years from the day of purchase."


def test_the_answer_quotes_the_best_sentences_in_the_order_of_the_passages(reranker: Reranker) -> None:
    answer = extract(QUESTION, PASSAGES, reranker, watch=Stopwatch())
    assert [PASSAGES[s.source][s.start : s.end] for s in answer.sentences] == [
        s.text for s in answer.sentences
    ]
    places = [(s.source, s.start) for s in answer.sentences]
    assert (len(places), places) == (3, sorted(places))


def test_one_sentence_of_those_with_the_same_words_is_enough(reranker: Reranker) -> None:
    answer = extract(QUESTION, [PASSAGES[0], ANSWER.upper() + "!"], reranker, watch=Stopwatch())
    words = [" ".join(re.findall(r"\w+", sentence.text.casefold())) for sentence in answer.sentences]
    assert len(set(words)) == len(words) == 3


def test_a_sentence_that_overlapping_passages_cut_is_quoted_whole_or_once(reranker: Reranker) -> None:
    cut = "warranty lasts two years from the day of purchase. Keep the bill."
    answer = extract(QUESTION, [cut, PASSAGES[0]], reranker, watch=Stopwatch(), max_sentences=2)
    assert sum("two years" in sentence.text for sentence in answer.sentences) == 1


def test_a_part_of_a_quoted_sentence_is_not_quoted_again(reranker: Reranker) -> None:
    answer = extract(
        QUESTION, [PASSAGES[0], "day of purchase."], reranker, watch=Stopwatch(), max_sentences=4
    )
    assert [sentence.text for sentence in answer.sentences] == [
        "It is made in Bari.",
        ANSWER,
        "Keep the bill.",
    ]


def test_the_first_sentence_answers_and_has_the_score_of_its_pair(reranker: Reranker) -> None:
    answer = extract(QUESTION, PASSAGES, reranker, watch=Stopwatch(), max_sentences=1)
    (alone,) = reranker.score(QUESTION, [answer.sentences[0].text], watch=Stopwatch())
    assert "two years" in answer.text
    assert (answer.sentences[0].logit, answer.sentences[0].tokens) == (alone.logit, alone.tokens)


def test_the_text_of_an_answer_is_one_line(reranker: Reranker) -> None:
    wrapped = "Its warranty, says the maker's own page, lasts no less\nthan two years."
    assert extract(QUESTION, [wrapped], reranker, watch=Stopwatch()).text == wrapped.replace("\n", " ")


def test_the_whole_answer_is_one_stage_that_tells_what_it_read(reranker: Reranker) -> None:
    watch = Stopwatch()
    extract(QUESTION, PASSAGES, reranker, watch=watch)
    (stage,) = watch.stages
    assert (stage.stage, stage.items) == ("answer", 5)
    assert stage.tokens > 5
    assert stage.seconds > 0


@pytest.mark.parametrize("passages", [[], [""], ["12. 34 – 56!"]])
def test_passages_without_a_sentence_give_an_empty_answer(reranker: Reranker, passages: list[str]) -> None:
    answer = extract(QUESTION, passages, reranker, watch=Stopwatch())
    assert (answer.text, answer.sentences) == ("", ())


def test_who_waits_for_an_answer_hears_of_no_other_stage_and_can_give_up(reranker: Reranker) -> None:
    heard: list[str] = []

    def listen(stage: str, _done: int, of: int) -> None:
        heard.append(f"{stage} of {of}")
        raise TimeoutError

    long = "The warranty of the pump lasts two years from the day of its purchase in the shop, says note {}. "
    passage = "".join(long.format(i) for i in range(300))
    with pytest.raises(TimeoutError):
        extract(QUESTION, [passage], reranker, watch=Stopwatch(), pulse=listen)
    assert heard == ["answer of 300"]
