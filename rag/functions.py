"""RerankLens as functions for other programs: one reranker a process, loaded when it is first needed."""

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rag import scorers
from rag.answer import MAX_SENTENCES, Answer, AnswerSentence, extract
from rag.config import Settings
from rag.errors import QueryError
from rag.question import checked_query
from rag.records import ModelInfo, PairScore
from rag.rerank import Reranker, ranking
from rag.score_cache import ScoreCache
from rag.timing import Stopwatch

TOP_K = 10

Chunk: TypeAlias = str | Mapping[str, object]

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedSentence(AnswerSentence):
    """A sentence of an answer, and the `chunk` that it stands in: `chunks[source]` as the caller gave it."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class QuotedAnswer(Answer):
    """An answer whose sentences hold the caller's own chunks."""

    sentences: tuple[QuotedSentence, ...] = ()


def preload_model() -> ModelInfo:
    """Return which reranker this process uses, in memory and warm: the first question will find it so.

    It is the one that the environment names (RAG_RERANKER, RAG_MODEL_CACHE, RAG_THREADS). Whoever
    calls, from whichever thread, gets the same one; only the first call loads it. A process that was
    forked from this one loads its own. Raises ModelError when it cannot be used, SettingsError for a
    setting that means nothing; the next call tries again.
    """
    return _reranker().info


def rerank_chunks_onnx(query: str, chunks: Iterable[Chunk], top_k: int = TOP_K) -> list[dict[str, object]]:
    """Return the `top_k` chunks most relevant to `query`, best first, each as a new dict.

    A chunk is a string, or a mapping with its string under "text". It comes back as its own keys (for a
    string, "text"), and:
    - `rerank_score`: the raw logit: unbounded, higher is better, comparable only within one query;
    - `rerank_rank`: 1 for the best; equal scores keep the order of `chunks`;
    - `tokens` and `tokens_read`: how many tokens the text has, and how many of them the model read.

    A score that was made before in this process is remembered, for a bounded number of pairs. Raises
    QueryError for an empty or too long query, a chunk without text or a `top_k` below 1, and what
    `preload_model` raises.
    """
    question, given = _question(query), _listed(chunks)
    texts = _texts(given)
    _refuse_less_than_one("top_k", top_k)
    scores, order = _ranked(question, texts)
    return [_as_dict(given[i], scores[i], rank) for rank, i in enumerate(order[:top_k], start=1)]


def generate_answer(
    query: str, chunks: Iterable[Chunk], *, max_sentences: int = MAX_SENTENCES, top_k: int = TOP_K
) -> QuotedAnswer:
    """Return what `chunks` say to `query`: up to `max_sentences` of their own sentences, word for word.

    The chunks may come in any order: the `top_k` most relevant ones are looked into. Of each sentence,
    `source` is the position of its chunk in `chunks`, `chunk` that chunk itself, `start` and `end` its
    place in the chunk's text, and `logit` its score. The text is quoted, not written: a written answer
    needs a language model.

    Some sentence is always the best one. A low logit means that the chunks may not answer the question
    at all; one above 0, that the default model takes the sentence for relevant. No chunks give an empty
    answer. Raises what `rerank_chunks_onnx` raises.
    """
    question, given = _question(query), _listed(chunks)
    texts = _texts(given)
    _refuse_less_than_one("top_k", top_k)
    _refuse_less_than_one("max_sentences", max_sentences)
    if not given:  # which need no model
        return QuotedAnswer()
    best = _ranked(question, texts)[1][:top_k]
    passages = [_readable(texts[i]) for i in best]
    answer = extract(question, passages, _reranker(), watch=Stopwatch(), max_sentences=max_sentences)
    return QuotedAnswer(tuple(_quoted(s, best[s.source], given, texts) for s in answer.sentences))


@dataclass(slots=True, eq=False)
class _Held:
    """What a process holds: its reranker, once one was needed."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    reranker: Reranker | None = None


_held_by_process: dict[int, _Held] = {}


def _reranker() -> Reranker:
    """Return this process's reranker, loaded and warm."""
    # By process, because of what a fork leaves to the child: a reranker whose worker threads are gone, and
    # perhaps a lock that nobody will open. (setdefault is one step for all threads.)
    held = _held_by_process.setdefault(os.getpid(), _Held())
    with held.lock:
        if held.reranker is None:
            reranker = scorers.local(Settings.from_env(), ScoreCache())
            reranker.warm_up()
            held.reranker = reranker
        return held.reranker


def _ranked(question: str, texts: Sequence[str]) -> tuple[Sequence[PairScore], list[int]]:
    """Return the score of each text, and the texts' positions, best first."""
    if not texts:  # which need no model
        return (), []
    scores = _reranker().score(question, [_readable(text) for text in texts], watch=Stopwatch())
    return scores, ranking(scores)


def _question(query: str) -> str:
    if not isinstance(query, str):
        raise QueryError(f"query: expected a string; found {_type(query)}.")
    return checked_query(query)


def _listed(chunks: Iterable[Chunk]) -> list[Chunk]:
    # One string is iterable too, and so is one mapping: nobody wants their characters or keys ranked.
    if isinstance(chunks, str | bytes | Mapping) or not isinstance(chunks, Iterable):
        expected = 'a list of strings or of mappings with "text"'
        raise QueryError(f"chunks: expected {expected}; found {_type(chunks)}.")
    return list(chunks)


def _texts(chunks: Sequence[Chunk]) -> list[str]:
    """Return the text of each chunk. Raises QueryError that names the position of one without."""
    texts = []
    for position, chunk in enumerate(chunks):
        text = chunk.get("text") if isinstance(chunk, Mapping) else chunk
        if not isinstance(text, str):
            raise QueryError(_no_text(position, chunk))
        texts.append(text)
    return texts


def _no_text(position: int, chunk: object) -> str:
    found = _type(chunk)
    if isinstance(chunk, Mapping):
        found = f'one whose "text" is {_type(chunk["text"])}' if "text" in chunk else 'one without "text"'
    return f'chunks[{position}]: expected a string or a mapping with a string under "text"; found {found}.'


def _refuse_less_than_one(name: str, value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise QueryError(f"{name}: expected a whole number, 1 or more; found {value!r}.")


def _type(value: object) -> str:
    return type(value).__name__


def _readable(text: str) -> str:
    """Return `text`, as long as it was, without half surrogate pairs, which no tokenizer takes."""
    return _SURROGATE.sub("\ufffd", text)


def _as_dict(chunk: Chunk, score: PairScore, rank: int) -> dict[str, object]:
    own = {"text": chunk} if isinstance(chunk, str) else dict(chunk)
    return own | {
        "rerank_score": score.logit,
        "rerank_rank": rank,
        "tokens": score.tokens,
        "tokens_read": score.tokens_read,
    }


def _quoted(
    sentence: AnswerSentence, source: int, chunks: Sequence[Chunk], texts: Sequence[str]
) -> QuotedSentence:
    return QuotedSentence(
        sentence.logit,
        sentence.tokens,
        sentence.tokens_read,
        sentence.relevance,
        text=texts[source][sentence.start : sentence.end],
        source=source,
        start=sentence.start,
        end=sentence.end,
        chunk=chunks[source],
    )
