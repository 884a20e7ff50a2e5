"""An answer from chunks that a program holds: its sentences point back at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rag.outcomes import Answer, AnswerKind, AnswerSentence
from rag.records import Passage

Chunk: TypeAlias = str | Mapping[str, object]


@dataclass(frozen=True, slots=True)
class GivenSentence:
    """A sentence of an answer, and what it rests on.

    `sources` are the positions of the chunks that it cites, and `chunk` is the first of them as it was
    given; None where nothing is cited. Quoted, it is `text[start:end]` of that chunk's text; written, those
    are None. `logit` and `supported` are as in rag.outcomes.AnswerSentence.
    """

    text: str
    source: int | None
    start: int | None
    end: int | None
    chunk: Chunk | None
    sources: tuple[int, ...]
    logit: float | None
    supported: bool


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What given chunks say to a question; the rest as in rag.outcomes.Answer."""

    kind: AnswerKind
    sentences: tuple[GivenSentence, ...] = ()
    answered: bool = False
    best_logit: float | None = None
    threshold: float | None = None
    notices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentences as one line of text; empty without any."""
        return " ".join(" ".join(sentence.text.split()) for sentence in self.sentences)


def as_passages(texts: Sequence[tuple[int, str]], language: str | None) -> list[Passage]:
    """Return `texts`, each with the position of its chunk, as passages in `language`."""
    return [Passage(str(position), "", "", text, 0, len(text), language=language) for position, text in texts]


def of_chunks(answer: Answer, chunks: Sequence[Chunk], texts: Sequence[str]) -> GivenAnswer:
    """Return `answer`, made from `as_passages`, as one that points at `chunks`, which have those `texts`."""
    return GivenAnswer(
        answer.kind,
        tuple(_sentence(sentence, chunks, texts) for sentence in answer.sentences),
        answer.answered,
        answer.best_logit,
        answer.threshold,
        answer.notices,
    )


def _sentence(sentence: AnswerSentence, chunks: Sequence[Chunk], texts: Sequence[str]) -> GivenSentence:
    sources = tuple(int(citation.chunk_id) for citation in sentence.citations)
    if not sources:
        return GivenSentence(sentence.text, None, None, None, None, (), sentence.logit, sentence.supported)
    first, source = sentence.citations[0], sources[0]
    quoted = first.start is not None
    return GivenSentence(
        texts[source][first.start : first.end] if quoted else sentence.text,
        source,
        first.start,
        first.end,
        chunks[source],
        sources,
        sentence.logit,
        sentence.supported,
    )
