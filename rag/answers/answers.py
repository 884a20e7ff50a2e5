"""Answer a search's question with sentences: a third stage, made only where it is asked for."""

from dataclasses import replace

from rag.answers.prompt import MOST_PASSAGES
from rag.answers.quote import needs_words, quote
from rag.answers.support import checked, needs_check, unchecked
from rag.answers.writer import Cancelled, Draft, OnText, Writer
from rag.config import LlmSettings
from rag.errors import BusyError, QueryError, RemoteError
from rag.gate import Gate
from rag.outcomes import Answer
from rag.pipeline import Pipeline
from rag.records import SearchResult
from rag.timing import Pulse, Stopwatch

# With ten, no more of the sample's expected sentences came first, and every answer took twice as long.
_QUOTED_PASSAGES = 5

# Who waits for a language model costs this machine a thread, and that server more.
_WRITING_SLOTS = 8


class Answers:
    """Both kinds of answer: quoted by the local reranker, written by the server that `llm` names.

    Of the latter, `gate` lets eight be under way at once; as many wait for that as for a search.
    """

    def __init__(self, pipeline: Pipeline, llm: LlmSettings | None = None) -> None:
        self._pipeline = pipeline
        self._writer = Writer(llm) if llm else None
        self.gate = Gate(slots=_WRITING_SLOTS, queue=pipeline.gate.queue)

    @property
    def can_write(self) -> bool:
        """Whether there is a server that writes answers."""
        return self._writer is not None

    def quoted(self, result: SearchResult, *, pulse: Pulse | None = None) -> SearchResult:
        """Return `result` with the sentences of its best passages that answer its question.

        They are chosen by the local reranker, in a turn of its own, as the stage `answer`. What `pulse`
        raises abandons the answer. Raises BusyError when too many wait.
        """
        watch = Stopwatch()
        best = [hit.passage for hit in (result.reranked or result.retrieved)[:_QUOTED_PASSAGES]]
        with self._pipeline.scoring(watch=watch, pulse=pulse) as scorer:
            by_words = needs_words(result.language, best, scorer.info)
            answer = quote(result.query, best, scorer, watch=watch, by_words=by_words, pulse=pulse)
        return answered(result, answer, watch)

    def written(
        self,
        result: SearchResult,
        *,
        on_text: OnText | None = None,
        cancelled: Cancelled | None = None,
        pulse: Pulse | None = None,
    ) -> SearchResult:
        """Return `result` with what a language model makes of its best passages.

        `on_text` hears each piece of the text as it comes; once `cancelled` says so, the writing ends and
        the answer is what has been written. Then the local reranker checks it, in a turn of its own; where
        that has no room, or is stopped, the text is kept unchecked, with a notice. The stages are `queue`,
        `write` and `support`. Raises QueryError where no server is set up, RemoteError where it writes
        nothing, BusyError when too many are being written.
        """
        return self._written(result, Stopwatch(), on_text=on_text, cancelled=cancelled, pulse=pulse)

    def preferred(self, result: SearchResult, *, pulse: Pulse | None = None) -> SearchResult:
        """Return `result` with a written answer where a server writes them, else with a quoted one.

        Where the server fails, a quoted one takes its place: `notices` say so, and the time that was lost is
        the stage `write`. Raises BusyError when too many wait.
        """
        if not self.can_write:
            return self.quoted(result, pulse=pulse)
        watch = Stopwatch()
        try:
            return self._written(result, watch, pulse=pulse)
        except RemoteError as exc:
            watch.since_last("write")
            notice = f"{exc} The answer is quoted instead."
            told = replace(_later(result, watch), notices=(*result.notices, notice))
            return self.quoted(told, pulse=pulse)

    def _written(
        self,
        result: SearchResult,
        watch: Stopwatch,
        *,
        on_text: OnText | None = None,
        cancelled: Cancelled | None = None,
        pulse: Pulse | None = None,
    ) -> SearchResult:
        if self._writer is None:
            raise QueryError(
                "No server writes answers here: set LLM_BASE_URL and LLM_MODEL, start again, or ask for a "
                "quoted answer."
            )
        best = [hit.passage for hit in (result.reranked or result.retrieved)[:MOST_PASSAGES]]
        try:
            with self.gate.turn(_until(cancelled, pulse)) as has_waited:
                if has_waited:
                    watch.since_last("queue")
                draft = self._writer.write(
                    result.query, best, watch=watch, on_text=on_text, cancelled=cancelled, pulse=pulse
                )
        except _StoppedError as exc:
            watch.since_last(exc.stage)
            draft = self._writer.nothing()
        return answered(result, self._checked(draft, watch, cancelled, pulse), watch)

    def _checked(
        self, draft: Draft, watch: Stopwatch, cancelled: Cancelled | None, pulse: Pulse | None
    ) -> Answer:
        if not needs_check(draft):
            return unchecked(draft)
        # Of what was stopped while it was written, the part that there is can still be checked.
        until = pulse if cancelled and cancelled() else _until(cancelled, pulse)
        try:
            with self._pipeline.scoring(watch=watch, pulse=until) as scorer:
                return checked(draft, scorer, watch=watch, pulse=until)
        except BusyError as exc:
            watch.since_last("queue")
            return unchecked(draft, f"Whether its sentences are supported was not checked. {exc}")
        except _StoppedError as exc:
            watch.since_last(exc.stage)
            return unchecked(draft, "It was stopped before its sentences were checked.")


class _StoppedError(Exception):
    """Whoever asked wants it to end here: at this `stage`."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


def _until(cancelled: Cancelled | None, pulse: Pulse | None) -> Pulse:
    """Return `pulse` as one that raises _StoppedError once `cancelled` says so."""

    def look(stage: str, done: int, of: int) -> None:
        if pulse:
            pulse(stage, done, of)
        if cancelled and cancelled():
            raise _StoppedError(stage)

    return look


def answered(result: SearchResult, answer: Answer, watch: Stopwatch) -> SearchResult:
    """Return `result` with `answer`, which took the stages and the time of `watch`."""
    return replace(_later(result, watch), answer=answer)


def _later(result: SearchResult, watch: Stopwatch) -> SearchResult:
    """Return `result` after what took the stages and the time of `watch`."""
    stages, total_s = result.stages + watch.stages, result.total_s + watch.elapsed_s
    return replace(result, stages=stages, total_s=total_s)
