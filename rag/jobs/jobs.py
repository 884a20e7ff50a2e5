"""Work in the background: it outlives the page that asked for it, and everyone in the process sees it."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from rag.errors import RagError
from rag.file_outcome import FileOutcome

Kind = Literal["export", "reembed", "use", "ingest", "rechunk", "import", "measure"]
State = Literal["running", "done", "failed"]

KEEP = 50  # finished jobs


@dataclass(frozen=True, slots=True, order=True)
class JobKey:
    """What a job works on: two at the same thing at a time are one job.

    `name` is the target folder of an export, the reranker to use, or the collection that is added to,
    re-chunked, re-embedded or measured; `detail` tells apart what must not be joined all the same.
    """

    kind: Kind
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How far a job is, in words. `fraction` is done; it is None where that is not known.

    Of an ingestion, `outcomes` are what became of the files so far, `part` is done of the one underway, and
    `left` are the names of the files without an outcome. `rate` is how many chunks were embedded a second.
    """

    text: str
    fraction: float | None = None
    remaining_s: float | None = None
    part: float | None = None
    outcomes: tuple[FileOutcome, ...] = ()
    left: tuple[str, ...] = ()
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when it was asked for.

    `subject` is the model that it is about, if it is about one. `outcome` is a sentence for whoever started
    it: what came of it, or why it failed; it is empty while the job runs. `ended_at` is None until then;
    times are UTC. `cancelled` says that it was asked to end early, and to keep what it has done.
    """

    key: JobKey
    title: str
    subject: str
    state: State
    report: Report
    outcome: str
    started_at: datetime
    ended_at: datetime | None = None
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.state == "running"


Work = Callable[[Callable[[Report], None]], str]


class Jobs:
    """The jobs of this process, each in a thread of its own. Safe between threads.

    The `keep` jobs that ended last are remembered. `alone` is for work that must not run beside its like.
    """

    def __init__(self, *, keep: int = KEEP) -> None:
        self.alone = threading.Lock()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._keep = keep
        self._jobs: dict[JobKey, Job] = {}  # in the order in which they began
        self._lock = threading.Lock()

    def start(self, key: JobKey, work: Work, *, title: str, subject: str) -> Job:
        """Run `work(report)` and return its job; one that runs under `key` already is joined instead.

        `work` returns the outcome. A RagError that it raises is the outcome of a failed job.
        """
        with self._lock:
            known = self._jobs.get(key)
            if known and known.running:
                return known
            self._jobs.pop(key, None)  # the new one is the last that began
            begins = datetime.now(UTC)
            job = Job(key, title, subject, "running", Report("beginning"), "", begins)
            self._jobs[key] = job
        threading.Thread(target=self._run, args=(key, work), name=f"job {key.kind}", daemon=True).start()
        return job

    def turn(self, collection: str) -> threading.Lock:
        """Return what a job holds while it changes `collection`, so that they go one after the other."""
        with self._lock:
            return self._turns[collection]

    def cancel(self, key: JobKey) -> None:
        """Ask the job under `key` to end early. It ends when it comes to ask whether it was cancelled."""
        with self._lock:
            job = self._jobs.get(key)
            if job and job.running:
                self._jobs[key] = replace(job, cancelled=True)

    def is_cancelled(self, key: JobKey) -> bool:
        """Return whether the job under `key` was asked to end early."""
        job = self.get(key)
        return job is not None and job.cancelled

    def get(self, key: JobKey) -> Job | None:
        """Return the job under `key` as it is now, None where there is none."""
        with self._lock:
            return self._jobs.get(key)

    def all(self) -> tuple[Job, ...]:
        """Return all jobs that are remembered, the one that began last first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def about(self, subject: str) -> tuple[Job, ...]:
        """Return the jobs about the model `subject`, the one that began last first."""
        return tuple(job for job in self.all() if job.subject == subject)

    def on(self, collection: str, *kinds: Kind) -> tuple[Job, ...]:
        """Return the jobs of these kinds on `collection`, the one that began last first."""
        return tuple(job for job in self.all() if job.key.name == collection and job.key.kind in kinds)

    def states(self) -> dict[JobKey, State]:
        """Return the state of each job: two answers are equal while none begins, ends or is forgotten."""
        return {job.key: job.state for job in self.all()}

    def forget(self, key: JobKey) -> None:
        """Forget the job under `key`, unless it runs."""
        with self._lock:
            job = self._jobs.get(key)
            if job and not job.running:
                del self._jobs[key]

    def _run(self, key: JobKey, work: Work) -> None:
        # What nobody foresaw ends the thread, with a traceback in the log; its job must not seem to run on.
        state: State = "failed"
        outcome = "It ended with an error that nobody foresaw. The server's log has it."
        try:
            outcome = work(lambda report: self._change(key, lambda job: replace(job, report=report)))
            state = "done"
        except RagError as exc:
            outcome = str(exc)
        finally:
            now = datetime.now(UTC)
            self._change(key, lambda job: replace(job, state=state, outcome=outcome, ended_at=now))
            self._forget_oldest()

    def _change(self, key: JobKey, changed: Callable[[Job], Job]) -> None:
        with self._lock:
            self._jobs[key] = changed(self._jobs[key])

    def _forget_oldest(self) -> None:
        with self._lock:
            ended = sorted((job.ended_at, key) for key, job in self._jobs.items() if job.ended_at)
            for _, key in ended[: max(0, len(ended) - self._keep)]:
                del self._jobs[key]
