"""The quoted answer: the passages' own sentences, each with every place where it stands."""

import re
from collections.abc import Sequence

import pytest

from rag.answers.quote import needs_words, quote
from rag.answers.threshold import threshold_for
from rag.config import DEFAULT_RERANKER
from rag.outcomes import Answer
from rag.records import ModelInfo, Passage
from rag.rerank import Reranker
from rag.timing import Stopwatch

QUESTION = "How long is the warranty?"
TEXTS = [
    "Service\n\nIt is made in Bari. Its warranty lasts two years from the day of purchase. Keep the bill.",
    "Museums are closed on Mondays. The WARRANTY lasts two years, from the day of purchase!",
    "12. 34 – 56!",
]
ANSWER = "Its warranty lasts two years from the day of purchase."
WRAPPED = "Its warranty, says the maker's own page, lasts no less\nthan two years."


def passages(*texts: str, headings: Sequence[str] = (), language: str | None = "en") -> list[Passage]:
    return [
        Passage(f"c{i}", "d", "guide.md", text, 0, len(text), headings=tuple(headings), language=language)
        for i, text in enumerate(texts)
    ]


def ask(reranker: Reranker, *texts: str, question: str = QUESTION, most: int = 3) -> Answer:
    return quote(question, passages(*texts), reranker, watch=Stopwatch(), max_sentences=most)


def said(answer: Answer) -> list[str]:
    return [sentence.text for sentence in answer.sentences]


def test_the_best_sentence_comes_first_and_each_stands_where_its_citation_says(reranker: Reranker) -> None:
    answer = ask(reranker, *TEXTS)
    assert "two years" in said(answer)[0]
    for sentence in answer.sentences:
        for cited in sentence.citations:
            assert TEXTS[int(cited.chunk_id[1:])][cited.start : cited.end] == sentence.text


def test_logits_do_not_increase_and_the_best_is_the_answers(reranker: Reranker) -> None:
    answer = ask(reranker, *TEXTS)
    logits = [sentence.logit or 0 for sentence in answer.sentences]
    assert logits == sorted(logits, reverse=True)
    assert answer.best_logit == logits[0]


def test_a_sentence_is_as_good_as_itself_under_its_headings_and_its_passage(reranker: Reranker) -> None:
    (passage,) = passages(TEXTS[0], headings=("Radio", "Service"))
    (sentence,) = quote(QUESTION, [passage], reranker, watch=Stopwatch(), max_sentences=1).sentences
    texts = [ANSWER, f"Radio – Service\n{ANSWER}", TEXTS[0]]
    alone, headed, whole = (score.order for score in reranker.score(QUESTION, texts, watch=Stopwatch()))
    assert sentence.logit == (alone + headed + 2 * whole) / 4


def test_what_several_passages_say_in_the_same_words_comes_once_with_all_places(reranker: Reranker) -> None:
    answer = ask(reranker, TEXTS[0], "Radio. " + ANSWER.upper() + "!", "Nothing. " + ANSWER)
    words = [" ".join(re.findall(r"\w+", text.casefold())) for text in said(answer)]
    assert len(set(words)) == len(words)
    assert [cited.chunk_id for cited in answer.sentences[0].citations] == ["c0", "c1", "c2"]


def test_a_sentence_that_one_passage_cuts_is_quoted_whole(reranker: Reranker) -> None:
    cut = "warranty lasts two years from the day of purchase. Keep the bill."
    for texts in ((cut, TEXTS[0]), (TEXTS[0], cut)):
        answer = ask(reranker, *texts, most=2)
        (sentence,) = (one for one in answer.sentences if "two years" in one.text)
        assert sentence.text == ANSWER
        assert [cited.chunk_id for cited in sentence.citations] == [f"c{texts.index(TEXTS[0])}"]


def test_a_sentence_over_two_lines_is_one(reranker: Reranker) -> None:
    assert said(ask(reranker, WRAPPED, most=1)) == [WRAPPED]


@pytest.mark.parametrize(("text", "answered"), [(ANSWER, True), ("The kettle whistles at noon.", False)])
def test_what_does_not_reach_the_threshold_is_no_answer(
    reranker: Reranker, text: str, answered: bool
) -> None:
    answer = ask(reranker, text)
    assert (answer.answered, answer.threshold) == (answered, threshold_for(DEFAULT_RERANKER).logit)
    assert said(answer) == [text]


@pytest.mark.parametrize("texts", [[], ["12. 34 – 56!"], [""]])
def test_passages_without_a_sentence_do_not_answer(reranker: Reranker, texts: list[str]) -> None:
    answer = ask(reranker, *texts)
    assert (answer.sentences, answer.answered, answer.best_logit) == ((), False, None)


def test_the_whole_answer_is_one_stage_that_tells_what_it_read(reranker: Reranker) -> None:
    watch = Stopwatch()
    quote(QUESTION, passages(*TEXTS[:2]), reranker, watch=watch)
    (stage,) = watch.stages
    assert (stage.stage, stage.items) == ("answer", 5)
    assert stage.tokens > 50


def test_who_waits_hears_of_no_other_stage_and_can_give_up(reranker: Reranker) -> None:
    heard: list[str] = []

    def pulse(stage: str, _done: int, of: int) -> None:
        heard.append(f"{stage} of {of}")
        raise TimeoutError

    long = "The warranty of the pump lasts two years from the day of its purchase in the shop, says note {}. "
    (passage,) = passages("".join(long.format(i) for i in range(300)))
    with pytest.raises(TimeoutError):
        quote(QUESTION, [passage], reranker, watch=Stopwatch(), pulse=pulse)
    assert heard == ["answer of 301"]  # the passage itself is read, too


def test_words_count_where_the_reranker_does_not_read_the_language(reranker: Reranker) -> None:
    texts = ("Il museo chiude il lunedì.", "Ieri pioveva forte.", "La garanzia della radio dura due anni.")
    given = passages(*texts, language="it")
    answer = quote("Quanto dura la garanzia?", given, reranker, watch=Stopwatch(), by_words=True)
    assert said(answer)[0] == texts[2]
    assert "does not read this language well" in answer.notices[0]


@pytest.mark.parametrize(
    ("question", "documents", "model", "expected"),
    [
        ("it", "it", DEFAULT_RERANKER, True),
        ("en", "it", DEFAULT_RERANKER, False),
        (None, "it", DEFAULT_RERANKER, True),
        (None, "en", DEFAULT_RERANKER, False),
        ("it", "it", "BAAI/bge-reranker-v2-m3", False),
        ("it", "it", "somebody/else", False),
    ],
)
def test_which_languages_need_words(question: str | None, documents: str, model: str, expected: bool) -> None:
    given = passages("Un testo.", "A text.", language=documents)
    assert needs_words(question, given, ModelInfo(model, "0" * 64, "here")) is expected


def test_a_threshold_that_was_not_calibrated_says_so() -> None:
    assert threshold_for(DEFAULT_RERANKER).notices(by_words=False) == ()
    (notice,) = threshold_for("somebody/else").notices(by_words=False)
    assert "not calibrated for somebody/else" in notice
