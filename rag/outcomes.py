"""What else a search comes to: how its hits were found, by which rule they were ordered, and its answer."""

from dataclasses import dataclass
from typing import Literal

# What found a question's candidates: vectors, words, or both, their ranks fused.
Retriever = Literal["dense", "lexical", "hybrid"]

# Why the final order is what it is: the reranker's own, or, for text that the reranker cannot read well,
# one that the ranks of the first stage have a share in.
OrderRule = Literal["reranker", "question_language", "passage_language"]

AnswerKind = Literal["quoted", "written"]


@dataclass(frozen=True, slots=True)
class Ordering:
    """By which rule the final order came about; `because` says it in a sentence.

    Of the rule "reranker" it is the order of the logits alone. Of any other, it is by the sum of
    ``weight / (constant + rank)`` over the ranks by the reranker and by what retrieved the candidates.
    """

    rule: OrderRule = "reranker"
    because: str = ""
    constant: int = 0
    reranker_weight: float = 1.0
    retrieved_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer's sentence is from: `passage.text[start:end]` of the passage with this chunk id.

    Both are None where a whole passage is cited, as a language model does.
    """

    chunk_id: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """A sentence of an answer, and what it rests on.

    Quoted, its words are those of its citations, and `logit` is the mean of the reranker's for the sentence
    and its passage, as rag.answers.quote tells.
    Written, `logit` is the best that the reranker gives a cited passage for the sentence, and `supported`
    says whether that is enough. A sentence without citation is not supported, nor is one that cites, but
    was not checked: then there is no `logit`.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    logit: float | None = None
    supported: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What the passages say to a question: in their own words, or as a language model puts it.

    `answered` is False where they do not answer it: quoted, because no sentence's logit reaches
    `threshold`; `best_logit` is the best there was. Then `sentences` are the nearest ones all the same.
    Written, `threshold` is that of what supports a sentence, None where none was checked.

    `model` is the id of what quoted or wrote, `text` what was written, as it came; empty where it was
    quoted. `notices` say what the reader must know, such as that it broke off.
    """

    kind: AnswerKind
    sentences: tuple[AnswerSentence, ...]
    answered: bool
    model: str
    best_logit: float | None = None
    threshold: float | None = None
    text: str = ""
    notices: tuple[str, ...] = ()
