"""The export command in processes of its own, on a machine that is offline unless a test says otherwise."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLOSED_PORT = "http://127.0.0.1:1"
PATIENCE_S = 180  # the machine may be busy

# Python loads the module of this name at its start, and so does every process that it starts.
WATCHER = """
import os, signal, sys
from importlib.metadata import MetadataPathFinder

def hear(event, args):
    if event == "import" and args[0] == "torch" and "WATCH_TORCH" in os.environ:
        with open(os.environ["WATCH_TORCH"], "a") as log:
            log.write(f"{os.getpid()} {' '.join(sys.orig_argv)}\\n")
    if event == at and mark in str(args):
        os.kill(os.getpid(), signal.SIGKILL)
    if event in ("socket.connect", "socket.getaddrinfo") and "NO_NETWORK" in os.environ:
        raise AssertionError(f"{event} {args}")

at, _, mark = os.environ.get("DIE_AT", "").partition(" ")
sys.addaudithook(hear)
if "HIDE" in os.environ:
    hidden, every = os.environ["HIDE"].split(","), MetadataPathFinder.find_distributions
    MetadataPathFinder.find_distributions = classmethod(
        lambda cls, *context: [one for one in every(*context) if one.metadata["Name"] not in hidden]
    )
"""


def environment(cache: Path, **more: str) -> dict[str, str]:
    """Return an environment with `cache` as the model cache, no network, and no settings of the caller.

    PyTorch gets one thread: the models are small, several processes run side by side, and threads that wait
    for each other on busy cores take ten times as long as one alone.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "HF_", "TRANSFORMERS_"))}
    home = cache.with_name(f"{cache.name}-hub")
    own = {"RAG_MODEL_CACHE": str(cache), "HF_HOME": str(home), "HF_ENDPOINT": CLOSED_PORT}
    return kept | own | {"OMP_NUM_THREADS": "1"} | more


def watched(folder: Path) -> dict[str, str]:
    """Return the variable that has every Python load the watcher, which is written into `folder`."""
    (folder / "sitecustomize.py").write_text(WATCHER)
    return {"PYTHONPATH": str(folder)}


def start(*arguments: object, cache: Path, **more: str) -> "subprocess.Popen[str]":
    """Start `models export …` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "rag", "models", "export", *map(str, arguments)],
        cwd=ROOT,
        env=environment(cache, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, they ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def export(*arguments: object, cache: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run `models export …` to its end."""
    with start(*arguments, cache=cache, **more) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def refused(*arguments: object, cache: Path, **more: str) -> str:
    """Run `models export …`, which must fail and leave no model; return what it says to the person."""
    ran = export(*arguments, cache=cache, **more)
    said = [line.removeprefix("error: ") for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert (ran.returncode, ran.stdout, len(said)) == (1, "", 1), ran.stderr
    assert "Traceback" not in ran.stderr
    assert left_in(cache) == []
    return said[0]


def left_in(cache: Path) -> list[str]:
    """Return the names of all that lies in `cache` but the locks, which stay."""
    return sorted(path.name for path in cache.glob("*") if not path.name.endswith(".lock"))


def workers(cache: Path) -> list[int]:
    """Return the processes that export into `cache` now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended since
        if b"rag.models.export" in command and any(part.startswith(bytes(cache)) for part in command):
            found.append(int(process.name))
    return found


def wait_until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {PATIENCE_S} s", pytrace=False)
        time.sleep(0.02)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Yield a folder on a disk of its own."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
