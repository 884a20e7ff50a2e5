"""An answer in the making: in a thread of its own, so that nothing on the page waits for it."""

import threading

from rag.answers.answers import Answers
from rag.errors import RagError
from rag.outcomes import AnswerKind
from rag.records import SearchResult
from rag.wording import underway

_UNFORESEEN = "It ended with an error that nobody foresaw. The server's log has it."


class _StoppedError(Exception):
    """Whoever wanted the answer does not want it any more."""


class Making:
    """An answer of `kind` to a search, as far as it is. Safe between threads.

    It ends with `answered`, the search with its answer, or with a `problem`; with neither where it was
    stopped before there was anything to keep.
    """

    def __init__(self, found: SearchResult, kind: AnswerKind) -> None:
        self.found = found
        self.kind = kind
        self.line = "Waiting for a turn."
        self.text = ""
        self.answered: SearchResult | None = None
        self.problem = ""
        self.recorded = False  # as far as whoever wanted it records what is asked
        self._stop = threading.Event()
        self._given_up = threading.Event()
        self._ended = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.is_set()

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end early."""
        return self._stop.is_set()

    def begin(self, answers: Answers) -> None:
        """Begin to make it."""
        threading.Thread(target=self._run, args=(answers,), name="answer", daemon=True).start()

    def stop(self) -> None:
        """Ask it to end: what a language model has written is kept, a quotation is given up."""
        self._stop.set()

    def give_up(self) -> None:
        """Ask it to end with nothing: nobody will look at it."""
        self._given_up.set()
        self._stop.set()

    def _run(self, answers: Answers) -> None:
        # What nobody foresaw ends the thread, with a traceback in the log; this must not seem to run on.
        problem = _UNFORESEEN
        try:
            self.answered = self._made(answers)
            problem = ""
        except _StoppedError:
            problem = ""
        except RagError as exc:
            problem = str(exc)
        finally:
            self.problem = problem
            self._ended.set()

    def _made(self, answers: Answers) -> SearchResult:
        if self.kind == "quoted":
            return answers.quoted(self.found, pulse=self._look)
        made = answers.written(self.found, on_text=self._hear, cancelled=self._stop.is_set, pulse=self._tell)
        if self.stopped and not (made.answer and made.answer.text):
            raise _StoppedError
        return made

    def _hear(self, piece: str) -> None:
        self.text += piece

    def _tell(self, stage: str, done: int, of: int) -> None:
        if self._given_up.is_set():
            raise _StoppedError
        self.line = underway(stage, done, of)

    def _look(self, stage: str, done: int, of: int) -> None:
        if self.stopped:
            raise _StoppedError
        self._tell(stage, done, of)
