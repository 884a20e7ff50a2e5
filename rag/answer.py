"""Answer a question with the sentences of the best passages: quoted, never written anew."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.records import PairScore
from rag.rerank import Scorer, ranking
from rag.sentences import Span, split_sentences
from rag.timing import Pulse, Stopwatch

MAX_SENTENCES = 3

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSentence(PairScore):
    """A sentence and its score for the question: `passages[source][start:end] == text`."""

    text: str
    source: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the passages say to a question, in their own sentences; in the passages' order."""

    sentences: tuple[AnswerSentence, ...] = ()

    @property
    def text(self) -> str:
        """The sentences as one line of text; empty without any."""
        return " ".join(" ".join(sentence.text.split()) for sentence in self.sentences)


def extract(
    query: str,
    passages: Sequence[str],
    scorer: Scorer,
    *,
    watch: Stopwatch,
    max_sentences: int = MAX_SENTENCES,
    pulse: Pulse | None = None,
) -> Answer:
    """Return the `max_sentences` sentences of `passages` that `scorer` puts highest for `query`.

    They come in the order of the passages, which are to be given best first; of equal scores the earlier
    sentence is taken, and of sentences with the same words only the first. Some sentence is always the
    best one: a low logit means that the passages may not answer the question. `watch` gets the stage
    `answer`, of which `pulse` hears how much is done.
    """
    with watch.stage("answer") as counts:
        spans = [(i, span) for i, passage in enumerate(passages) for span in split_sentences(passage)]
        texts = [passages[source][start:end] for source, (start, end) in spans]
        own = Stopwatch()
        scores = scorer.score(query, texts, watch=own, pulse=_as_answer(pulse)) if texts else ()
        best = _best(texts, scores, max_sentences)
        answer = Answer(tuple(_sentence(texts[i], *spans[i], scores[i]) for i in sorted(best)))
        counts.items = len(texts)
        counts.tokens = max((stage.tokens for stage in own.stages), default=0)
        counts.cached = sum(stage.cached for stage in own.stages)
        counts.cold = any(stage.cold for stage in own.stages)
    return answer


def _best(texts: Sequence[str], scores: Sequence[PairScore], most: int) -> list[int]:
    """Return the positions of the highest scores; of texts that say the same words, one.

    Passages overlap: a sentence that is cut in one of them may be whole in another.
    """
    chosen: dict[int, str] = {}
    for i in ranking(scores):
        words = f" {' '.join(_WORD.findall(texts[i].casefold()))} "
        if len(chosen) == most:
            break
        if not any(words in said for said in chosen.values()):
            chosen = {at: said for at, said in chosen.items() if said not in words} | {i: words}
    return list(chosen)


def _sentence(text: str, source: int, span: Span, score: PairScore) -> AnswerSentence:
    return AnswerSentence(
        score.logit,
        score.tokens,
        score.tokens_read,
        score.relevance,
        text=text,
        source=source,
        start=span[0],
        end=span[1],
    )


def _as_answer(pulse: Pulse | None) -> Pulse | None:
    """Return `pulse` as hearing every stage under the name of `answer`."""
    if pulse is None:
        return None
    heard = pulse
    return lambda _stage, done, of: heard("answer", done, of)
