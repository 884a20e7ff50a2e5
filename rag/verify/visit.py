"""Take the steps of a visit to a running server, one check for each."""

import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rag.amounts import counted, milliseconds
from rag.config import DEFAULT_COLLECTION
from rag.verify.guest import Guest
from rag.verify.promises import (
    Health,
    Info,
    Listing,
    Model,
    Results,
    ResultsWithMeta,
    Scored,
    broken_order,
)
from rag.verify.questions import Asked, ask, cached, in_words, made_up_questions, scored_by_another, twice
from rag.verify.server import Files, RunningServer, UnusableAnswerError

LATER_QUESTIONS = 10
_DETAIL_CHARS = 600
_REMOTE = "remote "  # begins the backend of a remote reranker
_PASSAGES = (
    "The tower clock strikes every quarter of an hour.",
    "The dough rests for ninety minutes under a damp cloth.",
    "The deposit is returned within thirty days.",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to verify. `documents` are uploaded first, into a new collection unless `collection` is named.

    `queries` are asked before questions that are made up.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    documents: Files = ()
    collection: str | None = None
    queries: tuple[str, ...] = ()
    first_limit_s: float = 5.0
    later_limit_s: float = 2.0
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step has seen, the time that counts against its limit, and whether all was well."""

    detail: str
    seconds: float | None = None
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """One step: `ok` is None where it was skipped; `seconds` as this client measured them."""

    name: str
    ok: bool | None
    detail: str
    seconds: float | None = None
    limit_s: float | None = None


OnCheck = Callable[[Check], None]


def verify(plan: Plan, on_check: OnCheck | None = None) -> tuple[Check, ...]:
    """Return the check of every step, in order; `on_check` gets each as soon as it is known.

    What was uploaded is deleted again, whatever happens meanwhile, an interrupt included.
    """
    with RunningServer(plan.url, api_key=plan.api_key, timeout_s=plan.timeout_s) as server:
        visit = _Visit(plan, server, on_check)
        try:
            visit.make()
        finally:
            visit.leave()
    return tuple(visit.checks)


def one_line(text: str) -> str:
    """Return what a server may have written as it can be printed: one line of bounded length."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:_DETAIL_CHARS]


class _Visit:
    """One run of all steps."""

    def __init__(self, plan: Plan, server: RunningServer, on_check: OnCheck | None) -> None:
        self._plan, self._server, self._on_check = plan, server, on_check
        self._mark = secrets.token_hex(3)
        self._guest = Guest(server, plan.collection)
        self._models = ""
        self._reranker: Model | None = None
        self._collection = ""
        self._texts: tuple[str, ...] = ()
        self._order: list[int] = []
        self.checks: list[Check] = []

    def make(self) -> None:
        """Take every step; what needs an earlier one that failed is skipped."""
        first_limit, limit = self._plan.first_limit_s, self._plan.later_limit_s
        up = ready = self._check("health", self._health)
        self._check("models", lambda: Seen(self._models), needs=up)
        self._check("info", self._info, needs=up)
        if self._plan.documents:
            ready = self._check("upload", self._upload, needs=up)
        self._check("first question", self._first_question, first_limit, needs=ready)
        # A first answer that came too late still has the texts for the others.
        has_texts = bool(self._texts)
        self._check(f"{LATER_QUESTIONS} questions more", self._later_questions, limit, needs=has_texts)
        self._check("/v2/rerank (Cohere)", self._rerank_cohere, limit, needs=up)
        self._check("/v1/rerank (Jina)", self._rerank_jina, limit, needs=up)
        self._check("/rerank (TEI)", self._rerank_tei, limit, needs=up)
        if self._reranker and self._reranker.backend.startswith(_REMOTE):
            self._check("rerank, remote", self._rerank_remote, limit)

    def leave(self) -> None:
        """Delete what this visit has added."""
        if self._guest.has_uploaded:
            self._check("delete", self._delete, needs=not self._guest.was_refused)

    def _check(
        self, name: str, step: Callable[[], Seen], limit_s: float | None = None, *, needs: bool = True
    ) -> bool:
        if needs:
            check = _taken(name, step, limit_s)
        else:
            check = Check(name, None, "Skipped: an earlier step failed.", None, limit_s)
        self.checks.append(check)
        if self._on_check is not None:
            self._on_check(check)
        return check.ok is True

    def _health(self) -> Seen:
        got = self._server.get("/healthz", Health)
        models = got.body.models
        self._reranker = models.reranker
        self._models = f"Embedder {in_words(models.embedder)}, reranker {in_words(models.reranker)}."
        return Seen(_sentences(f"RerankLens {got.body.version}.", *got.body.notices), got.seconds)

    def _info(self) -> Seen:
        got = self._server.get("/info", Info)
        most = counted(got.body.max_client_batch_size, "passage")
        return Seen(f"Reranks at most {most} in one request with {got.body.model_id}.", got.seconds)

    def _upload(self) -> Seen:
        files = self._plan.documents
        got = self._guest.upload(files)
        bad = [file.message for file in got.body.files if file.status == "failed"]
        if bad or len(got.body.files) != len(files):
            raise _broken(_sentences(f"{len(bad)} of {counted(len(files), 'file')} failed.", *bad))
        became = ", ".join(f"{file.name} {file.status}" for file in got.body.files)
        return Seen(f"Into collection {self._guest.collection!r}: {became}.", got.seconds)

    def _delete(self) -> Seen:
        deleted = self._guest.delete()
        return Seen(deleted.body, deleted.seconds)

    def _first_question(self) -> Seen:
        self._collection = self._asked_collection()
        got = self._ask(next(iter(self._plan.queries), f"What is written here? {self._mark}"))
        answer = got.body
        if not answer.retrieved:
            raise _broken(f"Collection {self._collection!r} is empty: name another, or give --document FILE.")
        self._texts = tuple(hit.text for hit in answer.retrieved)
        wrong = scored_by_another([got], self._reranker)
        cold = ["The model had never run before."] if answer.cold else []
        found = f"In collection {self._collection!r}: {cached([got])}."
        notices = () if wrong else answer.notices
        return Seen(_sentences(*wrong, *twice([got]), found, *cold, *notices), got.seconds, not wrong)

    def _asked_collection(self) -> str:
        if self._plan.documents or self._plan.collection:
            return self._guest.collection
        listing = self._server.get("/api/documents", Listing).body
        filled = [collection.name for collection in listing.collections if collection.documents]
        if not filled:
            raise _broken("The library is empty: give --document FILE.")
        return DEFAULT_COLLECTION if DEFAULT_COLLECTION in filled else filled[0]

    def _later_questions(self) -> Seen:
        questions = list(dict.fromkeys(self._plan.queries))[1 : LATER_QUESTIONS + 1]
        questions += made_up_questions(self._texts, LATER_QUESTIONS - len(questions), self._mark)
        answers = [self._ask(question) for question in questions]
        # A question that the cache answered says nothing about the model's speed.
        made = [one.seconds for one in answers if one.body.cached < len(one.body.retrieved)]
        wrong = scored_by_another(answers, self._reranker)
        if not made:
            nothing = "Nothing was measured: the cache knew every score. Ask other questions."
            raise _broken(_sentences(*wrong, nothing))
        known = len(answers) - len(made)
        left_out = [f"{counted(known, 'question')} not counted: the cache knew every score."] if known else []
        times = f"Median {milliseconds(statistics.median(made))}, greatest {milliseconds(max(made))}"
        found = f"{times}; {cached(answers)}."
        return Seen(_sentences(*wrong, *twice(answers), found, *left_out), max(made), not wrong)

    def _ask(self, question: str) -> Asked:
        return ask(self._server, question, self._collection)

    def _rerank_cohere(self) -> Seen:
        got = self._server.post("/v2/rerank", ResultsWithMeta, self._rerank_fields("documents"))
        ranked = [(result.index, result.relevance_score) for result in got.body.results]
        return self._ranked(ranked, f"{got.body.meta.cached} of {len(_PASSAGES)} pairs cached", got.seconds)

    def _rerank_jina(self) -> Seen:
        got = self._server.post("/v1/rerank", Results, self._rerank_fields("documents"))
        ranked = [(result.index, result.relevance_score) for result in got.body.results]
        return self._ranked(ranked, f"{got.body.cached} of {len(_PASSAGES)} pairs cached", got.seconds)

    def _rerank_tei(self) -> Seen:
        got = self._server.post("/rerank", list[Scored], self._rerank_fields("texts"))
        ranked = [(result.index, result.score) for result in got.body]
        return self._ranked(ranked, "this form does not tell how many were cached", got.seconds)

    def _rerank_remote(self) -> Seen:
        fields = self._rerank_fields("documents") | {"model": "remote"}
        got = self._server.post("/v2/rerank", ResultsWithMeta, fields)
        ranked = [(result.index, result.relevance_score) for result in got.body.results]
        # Another model may well find another order than the forms above, which the local one answers.
        return _in_order(ranked, f"{got.body.meta.cached} of {len(_PASSAGES)} pairs cached", got.seconds)

    def _rerank_fields(self, passages: str) -> dict[str, object]:
        return {"query": f"How long does the dough rest? {self._mark}", passages: _PASSAGES}

    def _ranked(self, ranked: Sequence[tuple[int, float]], known: str, seconds: float) -> Seen:
        seen = _in_order(ranked, known, seconds)
        order = [index for index, _ in ranked]
        self._order = self._order or order
        if order != self._order:
            raise _broken(f"Order {order}, but another form answered {self._order} to the same question.")
        return seen


def _in_order(ranked: Sequence[tuple[int, float]], known: str, seconds: float) -> Seen:
    if problem := broken_order(ranked, len(_PASSAGES)):
        raise _broken(problem)
    order = [index for index, _ in ranked]
    return Seen(f"Order {order}, best score {ranked[0][1]:.4f}; {known}.", seconds)


def _taken(name: str, step: Callable[[], Seen], limit_s: float | None) -> Check:
    began = time.perf_counter()
    try:
        seen = step()
    except UnusableAnswerError as exc:
        return Check(name, False, one_line(str(exc)), time.perf_counter() - began, limit_s)
    late = limit_s is not None and seen.seconds is not None and seen.seconds > limit_s
    detail = _sentences(*["Over the limit."] * late, seen.detail)
    return Check(name, seen.ok and not late, one_line(detail), seen.seconds, limit_s)


def _broken(message: str) -> UnusableAnswerError:
    return UnusableAnswerError(message, answered=True)


def _sentences(*sentences: str) -> str:
    return " ".join(sentences)
