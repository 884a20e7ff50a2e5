"""What each style of rerank server is sent, and what it answers; no network here.

A score belongs to the passage that its `index` names: servers answer best first, or in any order.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

from rag.config import RemoteSettings, RemoteStyle
from rag.records import PairScore
from rag.remote.peer import Peer
from rag.remote.server import parsed_json

_OTHERWISE = "Nothing of it was used; ask again, or set USE_ONNX_RERANKER=true to score on this machine."
_HUGE = 10**9  # a number that counts nothing here, and may have thousands of digits


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a style is spoken. `results_key` is None where the answer is the bare list of results."""

    path: str
    passages_key: str
    results_key: str | None
    score_key: str
    scores_are_logits: bool
    max_batch: int
    count_key: str | None = None
    always: Mapping[str, bool] = field(default_factory=dict)


_NO_TEXTS = MappingProxyType({"return_documents": False})
_RAW = MappingProxyType({"return_documents": False, "raw_scores": True})

# Cohere advises at most 1000 passages, Voyage refuses more, Jina names no limit. Infinity refuses more than
# 2048 (ITEMS_LIMIT in its request models). TEI takes 32, unless its operator said otherwise.
DIALECTS: Mapping[RemoteStyle, Dialect] = {
    "cohere": Dialect("/v2/rerank", "documents", "results", "relevance_score", False, 1000, "top_n"),
    "jina": Dialect("/v1/rerank", "documents", "results", "relevance_score", False, 1000, "top_n", _NO_TEXTS),
    "tei": Dialect(
        "/rerank", "texts", None, "score", True, 32, always={"raw_scores": True, "truncate": True}
    ),
    "infinity": Dialect("/rerank", "documents", "results", "relevance_score", True, 2048, "top_n", _RAW),
    "voyage": Dialect("/v1/rerank", "documents", "data", "relevance_score", False, 1000, "top_k", _NO_TEXTS),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The scores of one batch in input order, and the seconds that the server says it took."""

    scores: tuple[PairScore, ...]
    server_s: float | None


def address(settings: RemoteSettings) -> str:
    """Return the URL to post to: the one set, with its style's own path where it has none.

    With a key, a user name or password in it is left out: there is only one header for both.
    """
    url = urlsplit(settings.url)
    netloc = url.netloc.rpartition("@")[2] if settings.api_key else url.netloc
    path = url.path or DIALECTS[settings.style].path
    return urlunsplit(url._replace(netloc=netloc, path=path, fragment=""))


def info_address(url: str) -> str:
    """Return the URL at which a TEI server, posted to at `url`, tells its limits."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rpartition("/")[0] + "/info"))


def request_body(settings: RemoteSettings, query: str, passages: Sequence[str]) -> bytes:
    """Return the JSON that asks for the score of every one of `passages`."""
    dialect = DIALECTS[settings.style]
    body: dict[str, object] = {"query": query, dialect.passages_key: list(passages), **dialect.always}
    if dialect.count_key:
        body[dialect.count_key] = len(passages)
    if settings.model:
        body["model"] = settings.model
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")  # "?" for a lone surrogate


def read_answer(peer: Peer, body: bytes, count: int, total_time_ms: str = "") -> Answer:
    """Return the scores of `count` passages from a good answer; `total_time_ms` is its header x-total-time.

    A score has a logit where the style or the server gives one, else a relevance; where both are known,
    both are kept. Raises RemoteError unless there is exactly one finite score for each passage.
    """
    found = _parsed(peer, body)
    scores: dict[int, PairScore] = {}
    for result in _results(peer, found):
        index = _index(peer, result.get("index"), count)
        if index in scores:
            _refuse(peer, "doubled_index", "one score for each passage", f"two for index {index}")
        scores[index] = _score(peer, result)
    if len(scores) < count:
        first = next(i for i in range(count) if i not in scores)
        some = f"{len(scores)} for {count} passages: none for index {first}"
        _refuse(peer, "missing_index", "one score for each passage", some)
    return Answer(tuple(scores[i] for i in range(count)), _server_s(found, total_time_ms))


def comparable(scores: Sequence[PairScore]) -> tuple[PairScore, ...]:
    """Return `scores` all as logits if every one has its logit, else all as relevances."""
    if all(score.logit is not None for score in scores):
        return tuple(PairScore(score.logit, score.tokens, score.tokens_read) for score in scores)
    return tuple(PairScore(None, score.tokens, score.tokens_read, score.relevance) for score in scores)


def read_max_batch(body: bytes) -> int | None:
    """Return how many passages a TEI server takes at once, as its /info says; None if it does not."""
    found = parsed_json(body)
    limit = found.get("max_client_batch_size") if isinstance(found, dict) else None
    return limit if isinstance(limit, int) and limit is not True and limit > 0 else None


def _refuse(peer: Peer, kind: str, expected: str, found: str, advice: str = _OTHERWISE) -> NoReturn:
    raise peer.error(kind, f"gave no usable answer: expected {expected}, found {found}. {advice}")


def _parsed(peer: Peer, body: bytes) -> object:
    found = parsed_json(body)
    if found is None:
        page = body[:200].lstrip().startswith(b"<")
        what = "a web page" if page else "something else" if body.strip() else "nothing"
        advice = f"Check MODAL_RERANK_URL, and that the server speaks RAG_REMOTE_STYLE={peer.style}."
        _refuse(peer, "html" if page else "not_json", "JSON", what, advice)
    return found


def _results(peer: Peer, found: object) -> Sequence[Mapping[str, object]]:
    key = DIALECTS[peer.style].results_key
    results = found.get(key) if key and isinstance(found, dict) else None if key else found
    if not (isinstance(results, list) and all(isinstance(result, dict) for result in results)):
        advice = f"Check that the server speaks RAG_REMOTE_STYLE={peer.style}."
        expected = f"a list of results in “{key}”" if key else "a list of results"
        _refuse(peer, "wrong_shape", expected, "JSON of another shape", advice)
    return results


def _index(peer: Peer, index: object, count: int) -> int:
    if not isinstance(index, int) or isinstance(index, bool):
        _refuse(peer, "bad_index", "a whole number as each result's index", _named(index))
    if not 0 <= index < count:
        found = index if abs(index) < _HUGE else "a huge number"
        _refuse(peer, "index_out_of_range", f"indexes from 0 to {count - 1}", f"{found}")
    return index


def _score(peer: Peer, result: Mapping[str, object]) -> PairScore:
    dialect = DIALECTS[peer.style]
    score = _number(result.get(dialect.score_key))
    if score is None:
        found = _named(result.get(dialect.score_key))
        _refuse(peer, "bad_score", f"a finite number as each result's “{dialect.score_key}”", found)
    logit = score if dialect.scores_are_logits else _number(result.get("logit"))
    return PairScore(logit, _whole(result.get("tokens")), _whole(result.get("tokens_read")), score)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    """Return `value` if it can count tokens."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _HUGE else None


def _named(value: object) -> str:
    """Return what kind of thing `value` is; its content is the server's and stays out of messages."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, float):
        return "a fraction" if math.isfinite(value) else "NaN or infinity"
    return {str: "a text", int: "a number too large", list: "a list"}.get(type(value), "an object")


def _server_s(found: object, total_time_ms: str) -> float | None:
    """Return the server's own time: from the body, which is finer, else from the header."""
    outer = found if isinstance(found, dict) else {}
    for holder in (outer.get("meta"), outer):
        timings = holder.get("timings_ms") if isinstance(holder, dict) else None
        total = _number(timings.get("total")) if isinstance(timings, dict) else None
        if total is not None and total >= 0:
            return total / 1000
    plain = total_time_ms.strip()
    # Digits alone, and few enough of them for a number.
    return int(plain) / 1000 if plain.isascii() and plain.isdigit() and len(plain) < 10 else None
