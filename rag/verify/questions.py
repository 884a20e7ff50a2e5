"""Ask a running server questions, and say of the answers what a person should know."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rag.amounts import counted
from rag.verify.promises import Model, QueryAnswer, broken_promise
from rag.verify.server import Answered, RunningServer, UnusableAnswerError

LONGEST_PAUSE_S = 5.0
_TOP_K = 10
_WORDS, _QUESTION_CHARS = 8, 100


@dataclass(frozen=True, slots=True)
class Asked:
    """An answered question, the seconds of the try that was answered, and why an earlier one was not."""

    body: QueryAnswer
    seconds: float
    refusal: str | None = None


def ask(server: RunningServer, question: str, collection: str) -> Asked:
    """Return the answer to `question`, which is asked once more when the server says that it is busy.

    Raises UnusableAnswerError when it is not answered, or the answer breaks a promise.
    """
    fields = {"query": question, "collection": collection, "top_k": _TOP_K}
    post = partial(server.post, "/api/query", QueryAnswer, fields)
    refusal = None
    try:
        got = post()
    except UnusableAnswerError as exc:
        if exc.retry_after is None:
            raise
        refusal = str(exc)
        time.sleep(pause_s(exc.retry_after))
        got = _once_more(post)
    if problem := broken_promise(got.body, top_k=_TOP_K, wall_s=got.seconds):
        raise UnusableAnswerError(problem, answered=True)
    return Asked(got.body, got.seconds, refusal)


def _once_more(post: Callable[[], Answered[QueryAnswer]]) -> Answered[QueryAnswer]:
    try:
        return post()
    except UnusableAnswerError as exc:
        raise UnusableAnswerError(f"Asked twice, in vain. {exc}", answered=exc.answered) from exc


def pause_s(retry_after: str) -> float:
    """Return how long to wait for a server that wants to be asked later; a date is not read."""
    return min(float(retry_after), LONGEST_PAUSE_S) if retry_after.isdecimal() else LONGEST_PAUSE_S


def twice(answers: Sequence[Asked]) -> list[str]:
    """Return a sentence on the questions that had to be asked twice, none when there are none."""
    refusals = [answer.refusal for answer in answers if answer.refusal]
    if not refusals:
        return []
    return [f"{counted(len(refusals), 'question')} had to be asked twice: {refusals[0]}"]


def scored_by_another(answers: Sequence[Asked], expected: Model | None) -> list[str]:
    """Return a sentence on the answers that not the `expected` reranker has scored, and their notices."""
    others = [answer.body for answer in answers if answer.body.models.reranker != expected]
    if not others:
        return []
    found = in_words(others[0].models.reranker)
    where = f"in {len(others)} of {counted(len(answers), 'answer')}"
    notices = dict.fromkeys(notice for answer in others for notice in answer.notices)
    problem = f"Expected the reranker that /healthz names, {in_words(expected)}; found {found} {where}."
    return [problem, *notices]


def cached(answers: Sequence[Asked]) -> str:
    """Return how many of the pairs in `answers` were not scored anew."""
    pairs = sum(len(answer.body.retrieved) for answer in answers)
    return f"{sum(answer.body.cached for answer in answers):,} of {counted(pairs, 'pair')} cached"


def in_words(model: Model | None) -> str:
    """Return a model and where it runs."""
    return f"{model.id} on {model.backend}" if model else "none"


def made_up_questions(texts: Sequence[str], n: int, mark: str) -> list[str]:
    """Return `n` different questions in the words of `texts`, which are in whatever language they are in.

    `mark` makes them differ from those of every other visit, whose scores the server may still know.
    """
    questions = []
    for number in range(n):
        lap, place = divmod(number, len(texts))
        words = texts[place].split()
        start = lap * _WORDS % max(1, len(words))
        question = " ".join(words[start : start + _WORDS])[:_QUESTION_CHARS]
        questions.append(f"{question} {mark}-{number}".strip())
    return questions
