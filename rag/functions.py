"""RerankLens as functions for other programs: one reranker a process, loaded when it is first needed."""

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rag import scorers
from rag.answers.given import Chunk, GivenAnswer, as_passages, of_chunks
from rag.answers.quote import MAX_SENTENCES, needs_words, quote
from rag.answers.support import checked
from rag.answers.writer import Cancelled, OnText, Writer
from rag.config import LlmSettings, Settings
from rag.errors import QueryError
from rag.outcomes import Answer
from rag.question import checked_query
from rag.question_language import question_language
from rag.records import ModelInfo, PairScore, Passage
from rag.rerank import Reranker, ranking
from rag.score_cache import ScoreCache
from rag.timing import Stopwatch

TOP_K = 10

_SURROGATE = re.compile("[\ud800-\udfff]")


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
    query: str,
    chunks: Iterable[Chunk],
    *,
    max_sentences: int = MAX_SENTENCES,
    top_k: int = TOP_K,
    llm: LlmSettings | None = None,
    on_text: OnText | None = None,
    cancelled: Cancelled | None = None,
) -> GivenAnswer:
    """Return what `chunks` say to `query`: in their own sentences, or, with `llm`, as a model puts it.

    The chunks may come in any order: the `top_k` most relevant ones are looked into. Without `llm` up to
    `max_sentences` of their sentences are quoted word for word, best first. `answered` says whether the
    best one's logit reaches the threshold; where it does not, the chunks probably do not answer, and
    `sentences` are the nearest ones all the same.

    With `llm` (`Settings.from_env().llm` is the one of the environment) an OpenAI-compatible server writes
    the answer. `on_text` hears each piece of it as it comes; once `cancelled` says so, it ends there. Its
    citations are only ever chunks that it was given, and each sentence is checked against those that it
    cites: `supported`.

    No chunks give an empty answer, without any model. Raises what `rerank_chunks_onnx` raises, and
    RemoteError when nothing comes from the server.
    """
    question, given = _question(query), _listed(chunks)
    texts = _texts(given)
    _refuse_less_than_one("top_k", top_k)
    _refuse_less_than_one("max_sentences", max_sentences)
    if not given:  # which need no model
        return GivenAnswer("written" if llm else "quoted")
    best = _ranked(question, texts)[1][:top_k]
    language = question_language(question)
    passages = as_passages([(i, _readable(texts[i])) for i in best], language)
    if llm is None:
        answer = _quoted(question, passages, language, max_sentences)
    else:
        watch = Stopwatch()
        draft = Writer(llm).write(question, passages, watch=watch, on_text=on_text, cancelled=cancelled)
        answer = checked(draft, _reranker(), watch=watch)
    return of_chunks(answer, given, texts)


def _quoted(question: str, passages: Sequence[Passage], language: str | None, most: int) -> Answer:
    reranker = _reranker()
    by_words = needs_words(language, passages, reranker.info)
    return quote(question, passages, reranker, watch=Stopwatch(), by_words=by_words, max_sentences=most)


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
