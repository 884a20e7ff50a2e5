"""Work in the background: joined, followed, remembered, and never thought to run when it has ended."""

import threading
import time
from collections.abc import Callable

import pytest

from rag.errors import ExportError
from rag.jobs import Job, JobKey, Jobs, Report

KEY = JobKey("export", "/cache/model")
WAIT_S = 10


class Gated:
    """Work that reports, waits to be let go, and counts how often it was begun."""

    def __init__(self, outcome: str = "done well") -> None:
        self.begun = 0
        self.go = threading.Event()
        self.reported = threading.Event()
        self._outcome = outcome

    def __call__(self, report: Callable[[Report], None]) -> str:
        self.begun += 1
        report(Report("half way", 0.5, 3.0))
        self.reported.set()
        self.go.wait(WAIT_S)
        return self._outcome


def start(jobs: Jobs, work: Callable[[Callable[[Report], None]], str], key: JobKey = KEY) -> Job:
    return jobs.start(key, work, title="Export of a model", subject="a model")


def ended(jobs: Jobs, key: JobKey = KEY) -> Job:
    """The job under `key` once it has ended."""
    pause = threading.Event()
    for _ in range(WAIT_S * 100):
        job = jobs.get(key)
        if job and not job.running:
            return job
        pause.wait(0.01)
    pytest.fail("the job never ended")


def test_a_job_reports_while_it_runs_and_ends_with_its_outcome() -> None:
    jobs, work = Jobs(), Gated()
    assert start(jobs, work).running
    assert work.reported.wait(WAIT_S)
    running = jobs.get(KEY)
    assert running
    assert (running.report, running.outcome, running.ended_at) == (Report("half way", 0.5, 3.0), "", None)
    work.go.set()
    done = ended(jobs)
    assert (done.state, done.outcome) == ("done", "done well")
    assert done.ended_at
    assert done.ended_at >= done.started_at


def test_a_second_start_joins_the_job_that_runs() -> None:
    jobs, work = Jobs(), Gated()
    first = start(jobs, work)
    assert start(jobs, work).started_at == first.started_at
    work.go.set()
    ended(jobs)
    assert work.begun == 1


def test_a_start_after_the_end_is_a_new_job() -> None:
    jobs, work = Jobs(), Gated()
    work.go.set()
    for begun in (1, 2):
        start(jobs, work)
        ended(jobs)
        assert work.begun == begun
    assert len(jobs.all()) == 1


def test_many_starts_at_once_begin_the_work_once() -> None:
    jobs, work = Jobs(), Gated()
    threads = [threading.Thread(target=start, args=(jobs, work)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work.go.set()
    ended(jobs)
    assert work.begun == 1


def test_an_error_that_a_person_can_act_on_is_the_outcome() -> None:
    def fail(_report: Callable[[Report], None]) -> str:
        raise ExportError("It has no tokenizer. Add one.", model_id="m")

    jobs = Jobs()
    start(jobs, fail)
    failed = ended(jobs)
    assert (failed.state, failed.outcome) == ("failed", "It has no tokenizer. Add one.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_nobody_foresaw_ends_the_job_too() -> None:
    jobs = Jobs()
    start(jobs, lambda _report: str(1 / 0))
    failed = ended(jobs)
    for thread in [thread for thread in threading.enumerate() if thread.name == "job export"]:
        thread.join()  # its traceback is this test's
    assert failed.state == "failed"
    assert "The server's log has it" in failed.outcome


def test_only_the_jobs_that_ended_last_are_remembered_and_none_that_runs_is_forgotten() -> None:
    jobs, running = Jobs(keep=3), Gated()
    start(jobs, running, JobKey("reembed", "shelf"))
    for number in range(5):
        key = JobKey("export", str(number))
        start(jobs, lambda _report: "done", key)
        ended(jobs, key)
    while len(jobs.all()) > 4:  # the last one forgets the oldest just after it has ended
        threading.Event().wait(0.01)
    assert [job.key.name for job in jobs.all()] == ["4", "3", "2", "shelf"]
    running.go.set()
    ended(jobs, JobKey("reembed", "shelf"))


def test_a_failure_can_be_dismissed_but_not_what_runs() -> None:
    jobs, work = Jobs(), Gated()
    start(jobs, work)
    jobs.forget(KEY)
    assert jobs.get(KEY)
    work.go.set()
    ended(jobs)
    jobs.forget(KEY)
    assert jobs.get(KEY) is None


def test_jobs_are_found_by_the_model_that_they_are_about() -> None:
    jobs = Jobs()
    start(jobs, lambda _report: "done")
    ended(jobs)
    assert [job.key for job in jobs.about("a model")] == [KEY]
    assert jobs.about("another") == ()


def test_a_cancelled_job_is_told_so_and_ends_by_itself() -> None:
    jobs, going = Jobs(), threading.Event()

    def work(_report: Callable[[Report], None]) -> str:
        while not jobs.is_cancelled(KEY):
            going.set()
            time.sleep(0.001)
        return "kept what was done"

    start(jobs, work)
    assert going.wait(10)
    jobs.cancel(KEY)
    job = ended(jobs)
    assert (job.state, job.outcome, job.cancelled) == ("done", "kept what was done", True)


def test_jobs_on_one_collection_have_one_turn_and_those_on_others_another() -> None:
    jobs = Jobs()
    assert jobs.turn("shelf") is jobs.turn("shelf")
    assert jobs.turn("shelf") is not jobs.turn("other")
