"""What all measures share: the sample collection, statistics, and a section of the results."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rag.config import Settings, usable_cores
from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.service import Service, build

ROOT = Path(__file__).resolve().parents[1]
RETRIEVE_K = 30
_PACKAGES = (
    "streamlit",
    "onnxruntime",
    "tokenizers",
    "numpy",
    "faiss-cpu",
    "flashrank",
    "fastembed",
    "torch",
    "sentence-transformers",
    "playwright",
)


class MeasureError(Exception):
    """A measure cannot be taken here; the message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A promise, and what was measured."""

    promise: str
    found: str
    held: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One measure's results: a table, what was done to get it, and the promises it bears on.

    `figures` are what was measured, as JSON can say it, where a measure gives that too.
    """

    title: str
    workload: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    limits: Sequence[Limit] = ()
    notes: Sequence[str] = ()
    figures: Mapping[str, object] = field(default_factory=dict)

    def markdown(self) -> str:
        """Return the section as Markdown."""
        table = [self.columns, ["---"] * len(self.columns), *self.rows]
        lines = [f"| {' | '.join(row)} |" for row in table]
        verdicts = [
            f"- **{'Held' if x.held else 'MISSED'}**: {x.promise}. Measured: {x.found}." for x in self.limits
        ]
        notes = [f"- {note}" for note in self.notes]
        parts = [f"## {self.title}", self.workload, "\n".join(lines), "\n".join([*verdicts, *notes])]
        return "\n\n".join(part for part in parts if part) + "\n"


def run(
    *measures: Callable[[], Section],
    write: Callable[[Sequence[Section]], object] | None = None,
    as_json: bool = False,
) -> int:
    """Take `measures`, print their sections (or their figures, as JSON), and return the exit status.

    0 when every promise held, 1 when one was missed, 2 when a measure could not be taken. `write` gets
    the sections when all could be.
    """
    try:
        sections = [measure() for measure in measures]
    except MeasureError as exc:
        print(exc, file=sys.stderr)
        return 2
    if write:
        write(sections)
    if as_json:
        print(json.dumps({section.title: dict(section.figures) for section in sections}, indent=2))
    else:
        print("\n".join(section.markdown() for section in sections))
    return 0 if all(limit.held for section in sections for limit in section.limits) else 1


def progress(line: str) -> None:
    """Say on standard error what is being measured."""
    print(line, file=sys.stderr, flush=True)


def spread(values: Sequence[float], unit: str, *, digits: int = 0) -> str:
    """Return the median of `values` and, in brackets, the least and the greatest."""
    low, mid, high = (f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{mid} {unit} ({low}–{high})"


def ratios(slower: Sequence[float], faster: Sequence[float]) -> list[float]:
    """Return how many times longer each of `slower` took than its neighbour in `faster`."""
    return [a / b for a, b in zip(slower, faster, strict=True)]


@contextmanager
def sample_home() -> Iterator[Path]:
    """Give a temporary RAG_HOME that holds the sample collection, ingested as the page does it."""
    with TemporaryDirectory(prefix="reranklens-bench-") as folder:
        home = Path(folder)
        build_with_samples(home).close()
        yield home


def build_with_samples(home: Path) -> Service:
    """Return a service on `home` that holds the sample collection."""
    service = build(Settings(home=home, threads=usable_cores()))
    outcomes = service.library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
    if failed := [outcome.message for outcome in outcomes if outcome.status == "failed"]:
        raise MeasureError(f"The sample collection is not whole: {' '.join(failed)}")
    return service


def machine() -> str:
    """Return the machine and the versions that the figures belong to, as a Markdown table."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    rows = [
        ("CPU", f"{_cpu_model()}, {usable_cores()} cores usable"),
        ("memory", f"{memory_gb:.0f} GB"),
        ("system", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _cpu_model() -> str:
    fields = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    facts = {name.strip(): value.strip() for name, _, value in fields}
    # What decides the speed of int8 products.
    units = [unit for unit in ("avx2", "avx512_vnni", "amx_int8") if unit in facts.get("flags", "").split()]
    return f"{facts.get('model name', platform.processor())} ({', '.join(units)})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
