"""docs/documents.md says what the code does: formats, reasons, limits, and the parts of an export."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from documents import first_words, rows, sections

from rag.api.limits import MAX_UPLOAD_FILES
from rag.chunk import TARGETS
from rag.config import Settings
from rag.duplicates import ALIKE, SAME_WORDS
from rag.evidence import Judgment, Question
from rag.file_outcome import Reason
from rag.parse import SUPPORTED
from rag.parse.formats import FORMATS
from rag.parse.limits import (
    MAX_ARCHIVE_DEPTH,
    MAX_DOCUMENT_CHARS,
    MAX_MEMBERS,
    MAX_PAGES,
    MAX_PART_BYTES,
    MAX_UNPACKED_BYTES,
)
from rag.records import DEFAULT_CHUNKING
from rag.store.trash import KEPT
from rag.transfer.parts import DOCUMENTS, JUDGMENTS, MANIFEST, ORIGINALS, QUESTIONS, VECTORS, Manifest
from rag.wording import unit

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS_PAGE = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
SECTIONS = sections(DOCUMENTS_PAGE)
SETTINGS = Settings()


def test_the_formats_are_those_that_are_read() -> None:
    listed = [re.findall(r"`(\.\w+)`", cells[1]) for cells in rows(SECTIONS["Formats"])[1:]]
    assert [ending for endings in listed for ending in endings] == list(dict.fromkeys(SUPPORTED))
    assert listed == [list(form.endings) for form in FORMATS]


def test_each_format_is_counted_in_what_the_page_calls_it() -> None:
    counted = {cells[1].split("`")[1]: cells[2] for cells in rows(SECTIONS["Formats"])[1:] if cells[2]}
    assert counted == {f".{kind}": f"{unit(kind)}s" for kind in ("pdf", "pptx", "xlsx", "ods", "odp")}


@pytest.mark.parametrize("page", ["documents.md", "api.md"])
def test_every_reason_is_explained(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = sections(text)["Reasons" if page == "documents.md" else "Documents"]
    table = section[section.index("| reason |") :].split("\n\n")[0]
    assert first_words(table) == list(get_args(Reason))


def test_the_limits_are_those_of_the_code() -> None:
    assert [cells[1] for cells in rows(SECTIONS["Limits"])[1:]] == [
        f"`RAG_MAX_UPLOAD_MB`, {SETTINGS.max_upload_mb} MB",
        f"{MAX_DOCUMENT_CHARS:,} characters",
        f"{MAX_PART_BYTES // 10**6} MB",
        f"`RAG_PARSE_MEMORY_MB`, {SETTINGS.parse_memory_mb:,} MB",
        f"`RAG_PARSE_TIMEOUT_S`, {SETTINGS.parse_timeout_s:g} s",
        f"{MAX_PAGES:,}",
        f"{MAX_ARCHIVE_DEPTH}",
        f"{MAX_MEMBERS:,}",
        f"{MAX_UNPACKED_BYTES // 10**9} GB",
        f"{MAX_UPLOAD_FILES}",
    ]


def test_every_limit_fails_for_a_reason_that_there_is() -> None:
    named = {reason for cells in rows(SECTIONS["Limits"])[1:] for reason in re.findall(r"`(\w+)`", cells[2])}
    assert named
    assert named <= set(get_args(Reason))


def test_the_export_has_the_parts_and_fields_that_are_listed() -> None:
    words = re.findall(r"`([^`]+)`", " ".join(cells[0] for cells in rows(SECTIONS["Export and import"])))
    assert words == [
        *(MANIFEST, DOCUMENTS, VECTORS, JUDGMENTS, QUESTIONS, ORIGINALS),
        *(field.name for field in fields(Manifest)),
    ]
    for part, record in ((JUDGMENTS, Judgment), (QUESTIONS, Question)):
        (said,) = [c[1] for c in rows(SECTIONS["Export and import"]) if c[0] == f"`{part}`"]
        assert re.findall(r"`(\w+)`", said) == [field.name for field in fields(record)]


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("Deleting and undoing", f"is kept for {KEPT.days} days"),
        ("Chunk size", f"about {DEFAULT_CHUNKING.target} tokens"),
        ("Chunk size", f"up to {DEFAULT_CHUNKING.overlap} of the one before"),
        ("Chunk size", f"{TARGETS[0]} to {TARGETS[-1]} tokens"),
        ("Duplicates", f"a cosine of at least {ALIKE:g}, at least {SAME_WORDS * 10:g} words of 10"),
    ],
)
def test_figures_in_the_text_are_those_of_the_code(heading: str, said: str) -> None:
    assert said in " ".join(SECTIONS[heading].split())
