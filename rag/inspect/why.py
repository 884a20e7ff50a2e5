"""Find what a score rests on: score the pair again without each sentence, and without each query word."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.amounts import counted
from rag.pipeline import Pipeline
from rag.question import checked_query
from rag.records import Passage, StageTime
from rag.rerank import Scorer
from rag.sentences import Span, split_sentences
from rag.timing import Pulse, Stopwatch, together
from rag.wording import question_cut

MOST_PARTS = 100  # of each kind: as much work as an ordinary question with many candidates

# An elided article is a word of its own ("dell'acqua" has two), what English clips is not ("don't").
_QUERY_WORD = re.compile(r"\w+(?:['’](?:t|s|re|ve|ll|d|m)\b|['’](?=\w))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence or a query word: where it is, the logit without it, and how much that is less.

    A positive `change` says that the part speaks for the passage, a negative one against it.
    """

    start: int
    end: int
    text: str
    logit: float
    change: float


@dataclass(frozen=True, slots=True)
class Why:
    """What one score rests on. `sentences` are places in the passage's text, `words` in the question.

    `is_logit` is False where a remote reranker gives relevances only: then they stand in place of logits.
    `tokens` and `tokens_read` are as in PairScore; the reading ended at the character `read_until` of the
    text, which is its length where everything was read, or nobody knows. Only sentences that were read
    are among the parts. `notices` are sentences about what was not tried, and `stages` what it took.
    """

    question: str
    logit: float
    is_logit: bool
    tokens: int | None
    tokens_read: int | None
    read_until: int
    sentences: tuple[Part, ...]
    words: tuple[Part, ...]
    stages: tuple[StageTime, ...]
    notices: tuple[str, ...] = ()


def explain(
    pipeline: Pipeline,
    query: str,
    passage: Passage,
    *,
    scorer: Scorer | None = None,
    pulse: Pulse | None = None,
) -> Why:
    """Return what the score of `passage` for `query` rests on, by scores that are all really made.

    They are made by `scorer`, without one by the local reranker, in one turn, and through the score
    cache. `pulse` hears how many there are of the stage `why`; what it raises abandons
    the rest. A passage of one sentence has nothing to leave out, nor has a question of one word. Raises as
    `Pipeline.search` does.
    """
    question = checked_query(query)
    watch = Stopwatch()
    with pipeline.scoring(scorer, watch=watch, pulse=pulse) as reader:
        return _Pair(question, passage.text, reader, watch, pulse).explained()


class _Pair:
    """A question and a text, as one reranker reads them."""

    def __init__(
        self, question: str, text: str, scorer: Scorer, watch: Stopwatch, pulse: Pulse | None
    ) -> None:
        self._question, self._text = question, text
        self._scorer, self._watch, self._pulse = scorer, watch, pulse
        self._done, self._all = 0, 1

    def explained(self) -> Why:
        (whole,) = self._scorer.score(self._question, [self._text], watch=self._watch, pulse=self._heard)
        read_until = self._scorer.read_until(self._text, whole)
        # Of a text that was cut, only what was read is scored again: nothing else may take a part's place.
        read = self._text[:read_until]
        sentences, words = list(split_sentences(read)), list(query_words(self._question))
        notices = tuple(_notices(sentences, words, self._scorer.query_tokens_unread(self._question)))
        sentences, words = _worth_trying(sentences), _worth_trying(words)
        self._done, self._all = 1, 1 + len(sentences) + len(words)
        without_sentence = [without(read, span) for span in sentences]
        without_word = [" ".join(without(self._question, span).split()) for span in words]
        logits = self._orders(self._question, without_sentence) if without_sentence else []
        by_word = [logit for variant in without_word for logit in self._orders(variant, [read])]
        return Why(
            question=self._question,
            logit=whole.order,
            is_logit=whole.logit is not None,
            tokens=whole.tokens,
            tokens_read=whole.tokens_read,
            read_until=read_until,
            sentences=_parts(self._text, sentences, logits, whole.order),
            words=_parts(self._question, words, by_word, whole.order),
            stages=together(self._watch.stages),
            notices=notices,
        )

    def _orders(self, question: str, texts: Sequence[str]) -> list[float]:
        if self._pulse:
            self._pulse("why", self._done, self._all)
        scores = self._scorer.score(question, texts, watch=self._watch, pulse=self._heard)
        self._done += len(texts)
        return [score.order for score in scores]

    def _heard(self, stage: str, done: int, of: int) -> None:
        """Tell the pulse how many of all the scores there are; what a remote one counts, it does not."""
        if self._pulse:
            self._pulse("why", self._done + (done if stage == "score" else 0), self._all)


def query_words(question: str) -> Iterator[Span]:
    """Yield the span of each word of `question`, in order."""
    return (match.span() for match in _QUERY_WORD.finditer(question))


def without(text: str, span: Span) -> str:
    """Return `text` without what is in `span`, and without the white space behind that."""
    start, end = span
    return (text[:start] + text[end:].lstrip()).rstrip()


def _worth_trying(spans: list[Span]) -> list[Span]:
    return spans[:MOST_PARTS] if len(spans) > 1 else []


def _notices(sentences: Sequence[Span], words: Sequence[Span], unread: int) -> Iterator[str]:
    if unread:
        yield question_cut("reranker", unread)
    if len(sentences) < 2:
        yield "There is no sentence to leave out: what was read of the passage is one, or has none."
    if len(words) < 2:
        yield "There is no word to leave out: the question has one, or none."
    for spans, noun in ((sentences, "sentence"), (words, "query word")):
        if len(spans) > MOST_PARTS:
            yield f"Of {counted(len(spans), noun)}, the first {MOST_PARTS} were left out, one at a time."


def _parts(text: str, spans: Sequence[Span], logits: Sequence[float], whole: float) -> tuple[Part, ...]:
    return tuple(
        Part(start, end, text[start:end], logit, whole - logit)
        for (start, end), logit in zip(spans, logits, strict=True)
    )
