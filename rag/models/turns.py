"""Take turns at exporting into one cache, between threads and processes."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from filelock import FileLock, Timeout

from rag.models.progress import Progress

PARTIAL, _PROGRESS = ".partial", ".progress"
_POLL_S = 0.2


@contextmanager
def turn(target: Path, report: Callable[[Progress], None]) -> Iterator[None]:
    """Hold the lock on `target` during the body; while another holds it, report how far that one is.

    The lock belongs to the process: a kill releases it. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(target)
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=_POLL_S)
            break
        report(replace(_read(target), waiting=True))
    try:
        yield
    finally:
        lock.release()


def announce(target: Path, progress: Progress) -> None:
    """Let those who wait for `target` know how far its export is; losing it costs only their display."""
    with suppress(OSError):
        _progress_file(target).write_text(json.dumps(asdict(progress)), encoding="utf-8")


def withdraw(target: Path) -> None:
    """Remove the last announcement."""
    with suppress(OSError):
        _progress_file(target).unlink(missing_ok=True)


def underway(target: Path) -> Progress | None:
    """Return how far an export of `target` by any process is, None when there is none."""
    if not _progress_file(target).exists():
        return None
    try:
        with _lock(target).acquire(blocking=False):
            return None  # a kill left the file behind
    except Timeout:
        return _read(target)
    except OSError:
        return None


def sweep(cache: Path) -> tuple[str, ...]:
    """Remove what killed exports left in `cache`; return the names of what was removed."""
    swept: list[str] = []
    for target in sorted({target_of(leftover) for leftover in _leftovers(cache)}):
        # Whoever holds the lock is still at work there.
        with suppress(Timeout, OSError), _lock(target).acquire(blocking=False):
            swept += clear(target)
    return tuple(swept)


def clear(target: Path) -> tuple[str, ...]:
    """Remove what killed exports of `target`, whose lock the caller holds, left; return the names."""
    removed = [leftover for leftover in _leftovers(target.parent) if target_of(leftover) == target]
    for leftover in removed:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
    return tuple(leftover.name for leftover in removed)


def partial(target: Path, number: str) -> Path:
    """Return the folder in which `target` grows before it is renamed into place."""
    return target.with_name(f".{target.name}.{number}{PARTIAL}")


def _leftovers(cache: Path) -> list[Path]:
    return sorted([*cache.glob(f".*{PARTIAL}"), *cache.glob(f".*{_PROGRESS}")])


def target_of(leftover: Path) -> Path:
    """Return what would have become of a leftover of an export."""
    name = leftover.name.removeprefix(".")
    if name.endswith(PARTIAL):
        return leftover.with_name(name.removesuffix(PARTIAL).rpartition(".")[0])
    return leftover.with_name(name.removesuffix(_PROGRESS))


def _lock(target: Path) -> FileLock:
    return FileLock(target.with_name(f".{target.name}.lock"))


def _progress_file(target: Path) -> Path:
    return target.with_name(f".{target.name}{_PROGRESS}")


def _read(target: Path) -> Progress:
    with suppress(OSError, ValueError, TypeError):
        return Progress(**json.loads(_progress_file(target).read_text(encoding="utf-8")))
    return Progress("download", 0.0, None)  # it has not said anything yet
