"""How far an ingestion is: told after each step, in files, chunks and time."""

from rag.file_outcome import FileOutcome, FileStatus
from rag.jobs import Report
from rag.jobs.ingest import Account, outcomes_in_words

FILES = (("a.txt", 100), ("b.zip", 300), ("c.txt", 100), ("d.txt", 500))


class Told:
    """Keeps the last report."""

    def __init__(self) -> None:
        self.last = Report("")

    def __call__(self, report: Report) -> None:
        self.last = report


def of(name: str, status: FileStatus = "added") -> FileOutcome:
    return FileOutcome(name, status, f"{name}: {status}.")


def test_the_share_that_is_done_is_that_of_the_bytes() -> None:
    told = Told()
    account = Account(FILES, told)
    account.on_outcome(of("a.txt"))
    assert told.last.fraction == 0.1
    account.on_outcome(of("b.zip/one.txt"))
    account.on_progress("c.txt", 0, 0)
    assert told.last.fraction == 0.4
    account.on_progress("c.txt", 8, 16)
    assert (told.last.fraction, told.last.part, told.last.text) == (
        0.45,
        0.5,
        "c.txt: 8 of 16 chunks embedded",
    )
    assert told.last.left == ("c.txt", "d.txt")


def test_no_time_is_told_before_anything_was_measured() -> None:
    told = Told()
    Account(FILES, told).on_outcome(of("a.txt"))
    assert told.last.remaining_s is None
    assert told.last.rate is None


def test_a_cancelled_one_says_what_is_left() -> None:
    told = Told()
    account = Account(FILES, told)
    account.on_outcome(of("a.txt"))
    account.on_outcome(of("b.zip/one.txt"))
    assert account.end(cancelled=True) == "2 of 2 files added. Cancelled: 3 files not added."
    assert told.last.left == ("b.zip", "c.txt", "d.txt")


def test_one_that_ended_has_nothing_left_whatever_its_archives_held() -> None:
    told = Told()
    account = Account(FILES, told)
    for name in ("a.txt", "b.zip/one.txt", "c.txt", "d.txt"):
        account.on_outcome(of(name))
    assert account.end(cancelled=False) == "4 of 4 files added."
    assert (told.last.left, told.last.fraction) == ((), 1.0)


def test_two_files_of_one_name_are_two_files() -> None:
    told = Told()
    account = Account((("a.txt", 1), ("a.txt", 1), ("b.txt", 2)), told)
    left = []
    statuses: tuple[FileStatus, ...] = ("added", "unchanged")
    for status in statuses:
        account.on_outcome(of("a.txt", status))
        left.append(told.last.left)
    assert left == [("a.txt", "b.txt"), ("b.txt",)]


def test_what_came_of_the_files_is_counted_in_one_sentence() -> None:
    statuses: tuple[FileStatus, ...] = ("added", "replaced", "unchanged", "failed", "failed")
    said = outcomes_in_words([of(str(n), status) for n, status in enumerate(statuses)])
    assert (
        said == "2 of 5 files added; 1 in place of an older version; 1 already there; 2 could not be added."
    )
