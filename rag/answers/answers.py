"""Answer a search's question with sentences: a third stage, made only where it is asked for."""

from collections.abc import Callable
from dataclasses import replace

from rag.answers.prompt import MOST_PASSAGES
from rag.answers.quote import needs_words, quote
from rag.answers.support import checked
from rag.answers.writer import Writer
from rag.config import LlmSettings
from rag.errors import QueryError, RemoteError
from rag.outcomes import Answer
from rag.pipeline import Pipeline
from rag.records import SearchResult
from rag.timing import Pulse, Stopwatch

# With ten, no more of the sample's expected sentences came first, and every answer took twice as long.
_QUOTED_PASSAGES = 5


class Answers:
    """Both kinds of answer: quoted by the local reranker, written by the server that `llm` names."""

    def __init__(self, pipeline: Pipeline, llm: LlmSettings | None = None) -> None:
        self._pipeline = pipeline
        self._writer = Writer(llm) if llm else None

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
        on_text: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        pulse: Pulse | None = None,
    ) -> SearchResult:
        """Return `result` with what a language model makes of its best passages.

        `on_text` hears each piece of the text as it comes; once `cancelled` says so, the writing ends and
        the answer is what has been written. The server is waited for in no turn; then the local reranker
        checks what it wrote, in a turn of its own. The stages are `write` and `support`. Raises QueryError
        where no server is set up, RemoteError where it writes nothing, BusyError when too many wait.
        """
        if self._writer is None:
            raise QueryError(
                "No server writes answers here: set LLM_BASE_URL and LLM_MODEL, start again, or ask for a "
                "quoted answer."
            )
        watch = Stopwatch()
        best = [hit.passage for hit in (result.reranked or result.retrieved)[:MOST_PASSAGES]]
        draft = self._writer.write(
            result.query, best, watch=watch, on_text=on_text, cancelled=cancelled, pulse=pulse
        )
        with self._pipeline.scoring(watch=watch, pulse=pulse) as scorer:
            answer = checked(draft, scorer, watch=watch, pulse=pulse)
        return answered(result, answer, watch)

    def preferred(self, result: SearchResult, *, pulse: Pulse | None = None) -> SearchResult:
        """Return `result` with a written answer where a server writes them, else with a quoted one.

        Where the server fails, a quoted one takes its place: `notices` say so, and the time that was lost is
        the stage `write`. Raises BusyError when too many wait.
        """
        if not self.can_write:
            return self.quoted(result, pulse=pulse)
        watch = Stopwatch()
        try:
            return self.written(result, pulse=pulse)
        except RemoteError as exc:
            watch.since_last("write")
            notice = f"{exc} The answer is quoted instead."
            told = replace(_later(result, watch), notices=(*result.notices, notice))
            return self.quoted(told, pulse=pulse)


def answered(result: SearchResult, answer: Answer, watch: Stopwatch) -> SearchResult:
    """Return `result` with `answer`, which took the stages and the time of `watch`."""
    return replace(_later(result, watch), answer=answer)


def _later(result: SearchResult, watch: Stopwatch) -> SearchResult:
    """Return `result` after what took the stages and the time of `watch`."""
    stages, total_s = result.stages + watch.stages, result.total_s + watch.elapsed_s
    return replace(result, stages=stages, total_s=total_s)
