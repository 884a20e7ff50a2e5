"""Exporting a large reranker once, and every start after that, on a random model of 568 million parameters.

Measured: the first export with its peak memory; a process's start to its first answer, against
onnxruntime's bare load of the same file; 30 passages, against sentence-transformers in PyTorch fp32.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer

from benchmarks.common import ROOT, Limit, MeasureError, Section, progress, ratios, run, spread
from rag.config import usable_cores
from rag.models.manifest import GRAPH, Manifest, read

ROUNDS = 5
SPEED_ROUNDS = 3
PASSAGES, PASSAGE_TOKENS = 30, 220
MAX_PEAK, MAX_SECOND, MAX_LOAD, MIN_GAIN = 4.0, 0.1, 1.5, 2.0
_QUESTION = "Come si preparano le orecchiette?"
_BARE = (
    "import sys, onnxruntime as ort\n"
    "options = ort.SessionOptions()\n"
    "options.intra_op_num_threads = 1\n"
    "ort.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])\n"
    "print('loaded', flush=True)\n"
)
_IN_ONE_FILE = "import sys, onnx\nonnx.save(onnx.load(sys.argv[1]), sys.argv[2])\n"


@dataclass(slots=True)
class Measured:
    """Seconds and bytes of everything, one value a round where there were several."""

    weights_bytes: int = 0
    export_s: float = 0.0
    peak_bytes: int = 0
    second_export_s: float = 0.0
    bare_s: list[float] = field(default_factory=list)
    one_file_s: list[float] = field(default_factory=list)
    one_s: list[float] = field(default_factory=list)
    thirty_s: list[float] = field(default_factory=list)
    int8_s: list[float] = field(default_factory=list)
    torch_s: list[float] = field(default_factory=list)
    tokens: int = 0

    @property
    def peak(self) -> float:
        """The export's peak memory, in fp32 weights."""
        return self.peak_bytes / self.weights_bytes


def measure(rounds: int = ROUNDS) -> Section:
    """Return what the first export costs, and what every later start and question does."""
    found = Measured()
    with TemporaryDirectory(prefix="reranklens-bench-") as scratch:
        source, cache = Path(scratch) / "large", Path(scratch) / "cache"
        progress("export: making the model, 2.3 GB")
        _run([sys.executable, "-m", "benchmarks.large_model", str(source)], cache)
        found.weights_bytes = (source / "model.safetensors").stat().st_size
        command = [sys.executable, "-m", "rag", "models", "export", str(source), "--json"]
        progress("export: the first export, minutes")
        with _peak_memory() as peak:
            found.export_s = _run(command, cache)
        found.peak_bytes = peak[0]
        found.second_export_s = _run(command, cache)
        (folder,) = (path.parent for path in cache.glob("*/manifest.json"))
        _starts(folder, cache, found, rounds)
        _speed(source, folder, found)
        return _section(found, read(folder), rounds)


def _starts(folder: Path, cache: Path, found: Measured, rounds: int) -> None:
    """Time whole processes: the bare load, one passage scored, and 30."""
    one, thirty, one_file = cache / "one.jsonl", cache / "thirty.jsonl", cache / "one_file.onnx"
    _run([sys.executable, "-c", _IN_ONE_FILE, str(folder / GRAPH), str(one_file)], cache)
    passages = _passages(folder)
    thirty.write_text("".join(json.dumps({"id": i, "text": p}) + "\n" for i, p in enumerate(passages)))
    one.write_text(json.dumps({"id": 0, "text": " ".join(passages[0].split()[:12])}) + "\n")
    ask = [sys.executable, "-m", "rag", "rerank", "--query", _QUESTION, "--reranker", str(folder)]
    for number in range(rounds + 1):
        progress(f"export: starts, round {number} of {rounds}{'' if number else ', the warm-up'}")
        for seconds, command in (
            (found.bare_s, [sys.executable, "-c", _BARE, str(folder / GRAPH)]),
            (found.one_file_s, [sys.executable, "-c", _BARE, str(one_file)]),
            (found.one_s, [*ask, str(one)]),
            (found.thirty_s, [*ask, str(thirty)]),
        ):
            taken = _until_first_line(command, cache)
            seconds += [taken] if number else []


def _speed(source: Path, folder: Path, found: Measured) -> None:
    """Time 30 passages in two warm processes, in turn."""
    passages = json.dumps(_passages(folder))
    with _scorer("ours", folder, passages) as ours, _scorer("torch", source, passages) as theirs:
        for number in range(SPEED_ROUNDS + 1):
            progress(f"export: 30 passages, round {number} of {SPEED_ROUNDS}")
            for scorer, seconds in ((ours, found.int8_s), (theirs, found.torch_s)):
                taken, tokens = scorer()
                seconds += [taken] if number else []
                found.tokens = max(found.tokens, tokens)


@contextmanager
def _scorer(method: str, folder: Path, passages: str) -> "Iterator[Scorer]":
    command = [sys.executable, "-m", "benchmarks.large_scorer", method, str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Scorer(process, passages)
        finally:
            process.kill()


class Scorer:
    """A process that scores the same passages each time it is called."""

    def __init__(self, process: "subprocess.Popen[str]", passages: str) -> None:
        self._process = process
        self._line = json.dumps({"query": _QUESTION, "passages": json.loads(passages)}) + "\n"

    def __call__(self) -> tuple[float, int]:
        """Return the seconds that scoring took, and the tokens that the model was fed."""
        if self._process.stdin is None or self._process.stdout is None:
            raise MeasureError("The scorer has no pipes.")
        self._process.stdin.write(self._line)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise MeasureError("A scorer ended early; its error is above.")
        measured = json.loads(answer)
        return measured["seconds"], measured["tokens"]


def _passages(folder: Path) -> list[str]:
    """Return 30 passages of 220 tokens each by the model's own tokenizer, from the sample documents."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lines = (ROOT / "data" / "judged" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    text = " ".join(json.loads(line)["text"] for line in lines)
    spans = tokenizer.encode(text, add_special_tokens=False).offsets
    starts = range(0, PASSAGES * PASSAGE_TOKENS, PASSAGE_TOKENS)
    return [text[spans[at][0] : spans[at + PASSAGE_TOKENS - 1][1]] for at in starts]


def _until_first_line(command: Sequence[str], cache: Path) -> float:
    """Run `command` and return the seconds to its first line of output."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=_env(cache), stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - began
        if process.stdout:
            process.stdout.read()
    if process.returncode or not line:
        raise MeasureError(f"{' '.join(command)} failed; its error is above.")
    return seconds


def _env(cache: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    return env | {"RAG_MODEL_CACHE": str(cache)}


def _run(command: Sequence[str], cache: Path) -> float:
    """Run `command` and return the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=_env(cache), capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise MeasureError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return seconds


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Yield a list whose only value becomes the most memory that our descendants held at once."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            peak[0] = max(peak[0], sum(_resident(pid) for pid in _descendants()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(path.parent.name)] = int(fields[1])
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _section(found: Measured, manifest: Manifest, rounds: int) -> Section:
    return Section(
        title="A large reranker: exported once, started again",
        workload=(
            "A model of bge-reranker-v2-m3's shape with random weights (568 million parameters, "
            f"{found.weights_bytes / 1e9:.2f} GB in fp32), exported to int8 by `python -m rag models "
            "export`. Starts are processes, from birth to the first answer of `python -m rag rerank`; the "
            "bare load is a process that imports onnxruntime and opens the same file. "
            f"{rounds} rounds after one warm-up, in turn. Speed: {PASSAGES} passages of {PASSAGE_TOKENS} "
            f"tokens in warm processes, {SPEED_ROUNDS} rounds in turn, RerankLens on {usable_cores()} "
            "workers, sentence-transformers in batches of 32 on as many threads."
        ),
        columns=["what", "measured"],
        rows=_rows(found, manifest),
        limits=_limits(found),
    )


def _rows(found: Measured, manifest: Manifest) -> list[list[str]]:
    phases = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in manifest.seconds.items())
    peak = f"{found.peak_bytes / 1e9:.2f} GB, {found.peak:.2f} × the fp32 weights"
    speed = f"{found.tokens / median(found.int8_s):,.0f} tokens a second"
    return [
        ["first export", f"{found.export_s:.0f} s ({phases})"],
        ["its peak memory", peak],
        ["asking for the export again", f"{found.second_export_s:.1f} s, nothing exported"],
        ["kept on disk", f"{manifest.size_bytes / 1e6:.0f} MB"],
        ["onnxruntime's bare load", spread(found.bare_s, "s", digits=2)],
        ["its bare load of the same graph in one file", spread(found.one_file_s, "s", digits=2)],
        ["second start to the first answer, one short passage", spread(found.one_s, "s", digits=2)],
        [f"second start to the first answer, {PASSAGES} passages", spread(found.thirty_s, "s", digits=2)],
        [f"{PASSAGES} passages, int8", f"{spread(found.int8_s, 's', digits=2)}, {speed}"],
        [f"{PASSAGES} passages, sentence-transformers fp32", spread(found.torch_s, "s", digits=2)],
        ["int8 drift on the fixed texts", f"{manifest.parity.drift:.2g} logit"],
    ]


def _limits(found: Measured) -> list[Limit]:
    load, gain = ratios(found.one_s, found.bare_s), ratios(found.torch_s, found.int8_s)
    second = median(found.one_s)
    first = found.export_s + second
    return [
        Limit(
            f"the export's peak is at most {MAX_PEAK:g} times the fp32 weights",
            f"{found.peak:.2f} times",
            found.peak <= MAX_PEAK,
        ),
        Limit(
            "the second start to the first answer takes at most a tenth of the first",
            f"1/{first / second:.0f}",
            second <= MAX_SECOND * first,
        ),
        Limit(
            f"and at most {MAX_LOAD:g} times the bare load",
            spread(load, "times", digits=2),
            median(load) <= MAX_LOAD,
        ),
        Limit(
            f"int8 is at least {MIN_GAIN:g} times as fast as sentence-transformers in fp32",
            spread(gain, "times", digits=2),
            median(gain) >= MIN_GAIN,
        ),
    ]


if __name__ == "__main__":
    sys.exit(run(measure))
