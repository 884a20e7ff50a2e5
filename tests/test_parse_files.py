import csv
import hashlib
import io
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from packages import package
from reportlab.pdfgen.canvas import Canvas

from rag.errors import (
    DamagedDocumentError,
    DocumentError,
    EmptyDocumentError,
    NoTextLayerError,
    PasswordNeededError,
    UnsupportedTypeError,
)
from rag.parse import parse
from rag.parse.clean import clean
from rag.records import Document

FILES = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "files"

# What each expectation allows; the libraries that wrote the list and the one used here may differ on
# whether a broken file can be recovered.
OUTCOMES: dict[str, tuple[type, ...]] = {
    "": (Document, EmptyDocumentError, NoTextLayerError, PasswordNeededError),
    "opens": (Document, NoTextLayerError, PasswordNeededError),
    "password": (PasswordNeededError,),
    "password-or-unsupported": (PasswordNeededError, UnsupportedTypeError),
    "no-text": (NoTextLayerError,),
    "empty": (EmptyDocumentError,),
    "damaged-or-recovered": (Document, DamagedDocumentError, NoTextLayerError),
    "unsupported": (UnsupportedTypeError,),
}
UNSUPPORTED = ("chm", "doc", "fb2", "msg", "pages", "ppt", "xls")
EXCEPTIONS = {
    "eng_spa_mult.doc": Document,  # by its content a Word document of today
    "fake-encrypted.eml": UnsupportedTypeError,  # no password of the file's opens it
    "testODTEncrypted.odt": UnsupportedTypeError,  # of OpenDocument no password is taken
    "protect.xlsx": Document,  # encrypted with the password that Excel tries by itself
    "issue19484_1.pdf": DamagedDocumentError,  # opens, but without any page
}


def outcome(name: str, data: bytes) -> Document | DocumentError:
    try:
        return parse(name, data)
    except DocumentError as exc:
        return exc


def _expected(row: dict[str, str]) -> str:
    return "unsupported" if row["kind"] in UNSUPPORTED else row["expect"]


def real_files() -> list[tuple[Path, str]]:
    if not FILES.is_dir():
        return []
    with (FILES / "index.csv").open(encoding="utf-8", newline="") as index:
        return [(FILES / row["file"], _expected(row)) for row in csv.DictReader(index)]


def check(document: Document) -> None:
    """Check what is promised of every document."""
    assert document.text
    assert clean(document.text) == document.text
    ends = [0]
    for page in document.pages:
        assert ends[-1] <= page.start < page.end <= len(document.text)
        ends.append(page.end)
    numbers = [page.number for page in document.pages]
    assert numbers == sorted(set(numbers))
    assert [heading.start for heading in document.headings] == sorted({h.start for h in document.headings})
    for heading in document.headings:
        line = document.text[heading.start :].split("\n", 1)[0]
        assert heading.title in line if document.kind == "md" else line == heading.title


@pytest.mark.skipif(not FILES.is_dir(), reason="the shared test files are not here")
def test_real_files_become_sound_documents_or_say_what_is_wrong() -> None:
    unexpected = []
    for path, expect in real_files():
        result = outcome(path.name, path.read_bytes())
        if isinstance(result, Document):
            check(result)
        if not isinstance(result, EXCEPTIONS.get(path.name, OUTCOMES[expect])):
            unexpected.append((path.name, expect, result))
    assert not unexpected


@pytest.mark.skipif(not FILES.is_dir(), reason="the shared test files are not here")
def test_damaged_real_files_raise_nothing_but_document_errors() -> None:
    chance = random.Random(7)
    for path, _ in real_files():
        data = path.read_bytes()
        if len(data) < 60_000:
            for broken in mutations(data, chance, 1):
                if isinstance(result := outcome(path.name, broken), Document):
                    check(result)


def mutations(data: bytes, chance: random.Random, count: int) -> Iterator[bytes]:
    """Yield `data` cut short, with some bytes changed, and with a piece moved, `count` times each."""
    for _ in range(count):
        yield data[: chance.randrange(len(data) + 1)]
        changed = bytearray(data)
        for _ in range(min(len(data), 12)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(changed)
        here, there = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        yield data[:here] + data[there:] + data[here:there]


OPEN_DOCUMENT = "application/vnd.oasis.opendocument.text"
CONTENT = "<d><body><text><h>Heading</h><p>Text <s/></p><table><table-row/></table></text></body></d>"


def small_files() -> dict[str, bytes]:
    word, pdf = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    document.add_heading("Heading", 1)
    document.add_table(1, 2).cell(0, 0).text = "cell"
    document.save(word)
    # Invariant: neither the time nor a random id goes into the file.
    canvas = Canvas(pdf, invariant=1, pageCompression=0)
    canvas.drawString(72, 700, "Text on a page.")
    canvas.save()
    return {
        "a.txt": "Plain text with ümlauts.".encode("cp1252"),
        "a.md": b"# Heading\n\nText\n\n```\ncode\n```\n",
        "a.html": b"<meta charset=utf-8><main><h1>Heading</h1><table><tr><td>a<td>b</table><ul><li>c</ul>",
        "a.docx": word.getvalue(),
        "a.pdf": pdf.getvalue(),
        "a.json": b'[{"id": 1, "title": "Heading", "text": "Text"}, {"id": 2, "text": "more"}]',
        "a.jsonl": b'{"id": 1, "title": "Heading", "text": "Text"}\n{"id": 2, "text": "more"}\n',
        "a.eml": b"From: Ann\nSubject: Heading\nContent-Type: text/html\n\n<p>Text<h2>Part</h2>",
        "a.rtf": rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}Gr\'f6\'dfe\par \u8364? a\cell b\cell\row}",
        "a.epub": package({"mimetype": "application/epub+zip", "a.html": "<h1>Heading</h1><p>Text"}),
        "a.odt": package({"mimetype": OPEN_DOCUMENT, "content.xml": CONTENT}),
    }


@pytest.mark.parametrize("name", sorted(small_files()))
def test_damaged_files_raise_nothing_but_document_errors(name: str) -> None:
    data = small_files()[name]
    check(parse(name, data))
    for broken in mutations(data, random.Random(name), 60):
        if isinstance(result := outcome(name, broken), Document):
            check(result)


@pytest.mark.parametrize("kind", ["txt", "md", "html", "docx", "pdf"])
def test_the_same_bytes_make_equal_documents_named_by_their_hash(kind: str) -> None:
    name, data = f"Folder/Report.{kind.upper()}", small_files()[f"a.{kind}"]
    document = parse(name, data)
    assert document == parse(name, data)
    assert (document.id, document.name, document.kind) == (hashlib.sha256(data).hexdigest(), name, kind)


def test_importing_the_parsers_imports_none_of_their_libraries() -> None:
    heavy = "{'pypdfium2', 'docx', 'lxml', 'selectolax', 'striprtf', 'olefile', 'msoffcrypto'}"
    code = f"import sys, rag.parse; print(sorted({heavy} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
