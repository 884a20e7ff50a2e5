"""Why: what a score rests on, found by scores that are really made."""

from collections.abc import Sequence

import pytest
from files import text_file

from rag.errors import QueryError
from rag.inspect.why import MOST_PARTS, Part, Why, explain, query_words, without
from rag.pipeline import Pipeline
from rag.records import ModelInfo, PairScore, Passage
from rag.rerank import Reranker, Scorer
from rag.score_cache import ScoreCache
from rag.service import Service
from rag.timing import Pulse, Stopwatch

QUERY = "How long is the warranty?"
TEXT = "The lamp was made in Bari. Its warranty lasts two years from the day of purchase. It weighs a pound."


@pytest.fixture(scope="module")
def pipeline(service: Service) -> Pipeline:
    service.library.ingest([text_file("a.txt", TEXT)], collection="why")
    return service.pipeline


def passage(text: str) -> Passage:
    return Passage("c1", "d1", "a.txt", text, 0, len(text))


def logit(reranker: Reranker, query: str, text: str) -> float | None:
    (score,) = reranker.score(query, [text], watch=Stopwatch())
    return score.logit


def most(parts: tuple[Part, ...]) -> str:
    return max(parts, key=lambda part: part.change).text


def test_each_sentence_and_word_has_the_score_without_it(pipeline: Pipeline, reranker: Reranker) -> None:
    why = explain(pipeline, QUERY, passage(TEXT))
    assert why.logit == logit(reranker, QUERY, TEXT)
    assert [TEXT[part.start : part.end] for part in why.sentences] == [part.text for part in why.sentences]
    assert [part.text for part in why.words] == ["How", "long", "is", "the", "warranty"]
    lamp, word = why.sentences[0], why.words[4]
    assert lamp.logit == logit(reranker, QUERY, TEXT.removeprefix("The lamp was made in Bari. "))
    assert word.logit == logit(reranker, "How long is the ?", TEXT)
    assert all(part.change == why.logit - part.logit for part in why.sentences + why.words)


def test_what_answers_is_what_the_score_rests_on(pipeline: Pipeline) -> None:
    why = explain(pipeline, QUERY, passage(TEXT))
    assert most(why.sentences) == "Its warranty lasts two years from the day of purchase."
    assert most(why.words) in {"long", "warranty"}


def test_every_score_is_made_once_and_then_known(pipeline: Pipeline) -> None:
    text = passage(f"The switch is on the cord. {TEXT} It is blue.")
    first, again = explain(pipeline, QUERY, text), explain(pipeline, QUERY, text)
    made = [[(stage.stage, stage.items, stage.cached) for stage in why.stages] for why in (first, again)]
    pairs = 1 + 5 + 5
    assert made[0] == [("queue", 0, 0), ("tokenize", pairs, 0), ("score", pairs, 0)]
    assert made[1] == [("queue", 0, 0), ("tokenize", 0, 0), ("score", pairs, pairs)]
    assert (again.sentences, again.words) == (first.sentences, first.words)


def test_of_a_passage_read_whole_the_reading_ends_at_its_end(pipeline: Pipeline) -> None:
    why = explain(pipeline, QUERY, passage(TEXT))
    assert (why.read_until, why.tokens_read, why.notices) == (len(TEXT), why.tokens, ())


def test_only_what_was_read_of_a_long_passage_is_left_out(pipeline: Pipeline, reranker: Reranker) -> None:
    long = "".join(f"Lamp {number} was made{' in Bari' * 60}. " for number in range(9))
    why = explain(pipeline, "Bari?", passage(long))
    assert 0 < (why.tokens_read or 0) < (why.tokens or 0)
    assert 0 < why.read_until < len(long)
    assert why.sentences[-1].end <= why.read_until
    # Nothing beyond the end has come in for what was left out.
    first = why.sentences[0]
    assert first.logit == logit(reranker, "Bari?", long[first.end + 1 : why.read_until])


@pytest.mark.parametrize(
    ("query", "text", "counts", "said"),
    [
        ("warranty", TEXT, (3, 0), ["There is no word to leave out"]),
        (QUERY, "Two years of warranty.", (0, 5), ["There is no sentence to leave out"]),
        ("?!", "12 34", (0, 0), ["There is no sentence", "There is no word"]),
        (QUERY, "", (0, 5), ["There is no sentence"]),
    ],
)
def test_where_there_is_nothing_to_leave_out_it_is_said(
    pipeline: Pipeline, query: str, text: str, counts: tuple[int, int], said: list[str]
) -> None:
    why = explain(pipeline, query, passage(text))
    assert (len(why.sentences), len(why.words)) == counts
    assert len(why.notices) == len(said)
    assert all(notice.startswith(begins) for notice, begins in zip(why.notices, said, strict=True))


def test_of_very_many_words_the_first_are_left_out_and_that_is_said(service: Service) -> None:
    why = explain(service.pipeline, "lamp " * (MOST_PARTS + 10), passage("A lamp."), scorer=Shortest())
    assert len(why.words) == MOST_PARTS
    assert f"Of 110 query words, the first {MOST_PARTS}" in why.notices[-1]


def test_an_empty_question_has_no_reason(pipeline: Pipeline) -> None:
    with pytest.raises(QueryError, match="empty"):
        explain(pipeline, " ", passage(TEXT))


class Shortest(Scorer):
    """A remote reranker that needs no network: the shorter question and passage are, the better."""

    info = ModelInfo("maker/elsewhere", "", "remote cohere at gpu.example.com")

    def score(
        self, query: str, passages: Sequence[str], *, watch: Stopwatch, pulse: Pulse | None = None
    ) -> tuple[PairScore, ...]:
        if pulse:
            pulse("network", 0, 1)
        return tuple(PairScore(None, relevance=1 / (1 + len(query + text))) for text in passages)

    def query_tokens_unread(self, query: str) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


def test_a_remote_reranker_without_logits_explains_by_relevances(pipeline: Pipeline) -> None:
    why = explain(pipeline, QUERY, passage(TEXT), scorer=Shortest())
    assert (why.is_logit, why.tokens, why.read_until) == (False, None, len(TEXT))
    assert most(why.sentences) == "It weighs a pound."
    assert why.logit == 1 / (1 + len(QUERY + TEXT))
    assert all(part.change < 0 for part in why.sentences + why.words)


def test_who_waits_hears_how_many_scores_there_are_and_can_give_up(pipeline: Pipeline) -> None:
    heard: list[tuple[str, int, int]] = []

    def listen(*told: object) -> None:
        heard.append(told)  # type: ignore[arg-type]

    def give_up(*_: object) -> None:
        raise TimeoutError

    explain(pipeline, QUERY, passage(TEXT), scorer=Shortest(), pulse=listen)
    assert ("why", 1, 9) in heard
    assert ("why", 8, 9) in heard
    assert {(stage, of) for stage, _, of in heard[1:]} == {("why", 9)}
    with pytest.raises(TimeoutError):
        explain(pipeline, QUERY, passage(TEXT), pulse=give_up)
    assert pipeline.gate.in_use == 0


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why don't the museum's lamps work?", ["Why", "don't", "the", "museum's", "lamps", "work"]),
        ("Quant’è l'acqua dell’anno?", ["Quant’", "è", "l'", "acqua", "dell’", "anno"]),
        ("'quoted' po' di 3,5 kg", ["quoted", "po", "di", "3", "5", "kg"]),
        ("?!", []),
        ("温度は", ["温度は"]),
    ],
)
def test_words_are_those_that_a_reader_would_count(question: str, words: list[str]) -> None:
    assert [question[start:end] for start, end in query_words(question)] == words


@pytest.mark.parametrize(
    ("span", "left"), [((0, 2), "B. C."), ((3, 5), "A. C."), ((6, 8), "A. B."), ((0, 8), "")]
)
def test_what_is_left_out_leaves_no_double_space(span: tuple[int, int], left: str) -> None:
    assert without("A. B. C.", span) == left


def test_the_cache_that_all_questions_share_learns_the_scores(service: Service) -> None:
    cache = ScoreCache()
    scorer = Reranker(service.reranker._model, cache)
    why: Why = explain(service.pipeline, QUERY, passage(TEXT), scorer=scorer)
    assert len(cache) == 1 + len(why.sentences) + len(why.words) == 9
