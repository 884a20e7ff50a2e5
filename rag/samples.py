"""The sample collection that comes with the program."""

import json
from pathlib import Path

from rag.ingest import SourceFile

SAMPLE_COLLECTION = "sample"
_DATA = Path(__file__).resolve().parents[1] / "data"


def sample_files() -> list[SourceFile]:
    """Return the sample documents, in order of name."""
    paths = sorted((_DATA / "samples").iterdir())
    return [SourceFile(path.name, path.stat().st_size, path.read_bytes) for path in paths]


def sample_questions() -> tuple[str, ...]:
    """Return the questions that were judged on the sample collection."""
    lines = (_DATA / "judged" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)
