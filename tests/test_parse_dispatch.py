from pathlib import PurePath

import pytest
from packages import package

from rag.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    TooLargeError,
    UnsupportedTypeError,
    WrongTypeError,
)
from rag.parse import SUPPORTED, Member, open_file, parse
from rag.parse.limits import MAX_DOCUMENT_CHARS

PAGE = b"<!DOCTYPE html><title>Tea</title><p>A hot drink."
RTF = rb"{\rtf1\ansi A hot drink.}"
ODT = package(
    {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": "<d><body><text><p>A hot drink.</p></text></body></d>",
    }
)
EPUB = package({"mimetype": "application/epub+zip", "a.html": "<p>A hot drink."})
MAIL = b"From: Ann\nTo: Bob\nDate: today\nSubject: Tea\n\nA hot drink."
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    ("name", "data", "kind", "says"),
    [
        ("a.pdf", PAGE, "html", "Its name says PDF, but it is an HTML page and was read as one."),
        ("a.txt", PAGE, "html", "Its name says text, but it is an HTML page and was read as one."),
        ("a.doc", RTF, "rtf", "Its name says .doc, but it is a rich text file (RTF) and was read as one."),
        (
            "a.docx",
            ODT,
            "odt",
            "Its name says Word document, but it is an OpenDocument text and was read as one.",
        ),
        ("a", EPUB, "epub", "Its name has no ending; it is an EPUB book and was read as one."),
        ("a.bak", MAIL, "eml", "Its name does not say so, but it is an e-mail."),
        (
            "a.odt",
            b"A hot drink.",
            "txt",
            "Its name says OpenDocument text, but it is plain text and was read as that.",
        ),
        (
            "a.py",
            b"print('A hot drink.')",
            "txt",
            "Its name does not say what it is; it was read as plain text.",
        ),
        ("README", b"A hot drink.", "txt", "Its name does not say what it is; it was read as plain text."),
    ],
)
def test_the_content_decides_where_the_name_is_wrong(name: str, data: bytes, kind: str, says: str) -> None:
    document = parse(name, data)
    assert (document.kind, document.notes) == (kind, (says,))
    assert "A hot drink." in document.text


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.odt", ODT, "odt"),
        ("a.ODT", ODT, "odt"),
        ("x.y.epub", EPUB, "epub"),
        ("a.html", b"<p>A hot drink.", "html"),
        ("a.md", b"A hot drink.", "md"),
        ("a.txt", MAIL, "txt"),
        ("a.eml", MAIL, "eml"),
    ],
)
def test_where_name_and_content_agree_there_is_no_note(name: str, data: bytes, kind: str) -> None:
    document = parse(name, data)
    assert (document.kind, document.notes) == (kind, ())


OLD_WORD = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600) + "WordDocument".encode("utf-16-le")
PAGES = package({"Index/Document.iwa": "x", "preview.jpg": "y"})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (PNG, "a PNG image. Run OCR on it"),
        (OLD_WORD, "a Word 97-2003 document. Save it as .docx and add that."),
        (PAGES, "an Apple Pages, Numbers or Keynote file. Export it as .docx"),
        (b"ITSF\x03" + bytes(100), r"a compiled help file (CHM). Unpack it"),
        (b"\x1f\x8b\x08" + bytes(100), "a gzip archive. Unpack it"),
        (b"SQLite format 3\x00" + bytes(100), "an SQLite database. Export its tables"),
        (b"MZ\x90\x00" + bytes(100), "a program."),
        (package({"META-INF/MANIFEST.MF": "", "A.class": ""}), "a program."),
        (b'<?xml version="1.0"?>\n<FictionBook xmlns="x">', "an FB2 book. Convert it to EPUB"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(data: bytes, what: str) -> None:
    with pytest.raises(WrongTypeError) as wrong:
        parse("a.docx", data)
    assert str(wrong.value).startswith(f"a.docx is named as a Word document, but is {what}")
    with pytest.raises(UnsupportedTypeError) as unsupported:
        parse("a.xyz", data)
    assert what.partition(".")[0] + ", which is not read." in str(unsupported.value)


@pytest.mark.parametrize("name", ["README", "archive.bin", ".hidden"])
def test_unknown_binary_files_are_refused_with_the_list_of_what_is_read(name: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"Save it as one of \.pdf, \.docx") as caught:
        parse(name, bytes(range(256)) * 4)
    assert PurePath(name).name in str(caught.value)


@pytest.mark.parametrize("ending", SUPPORTED)
def test_no_bytes_are_an_empty_file_and_not_a_damaged_one(ending: str) -> None:
    with pytest.raises(EmptyDocumentError, match="is empty: it has 0 bytes"):
        parse(f"a{ending}", b"")
    with pytest.raises(EmptyDocumentError, match="all of them blank"):
        parse(f"a{ending}", b" \n\n")


@pytest.mark.parametrize(
    "ending", [".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".zip", ".pdf"]
)
def test_half_a_package_is_damaged(ending: str) -> None:
    with pytest.raises(DamagedDocumentError):
        parse(f"a{ending}", ODT[: len(ODT) // 2] if ending != ".pdf" else b"%PDF-1.7\n1 0 obj <<")


def test_a_text_longer_than_one_document_may_be_is_refused() -> None:
    with pytest.raises(TooLargeError, match=r"at most 5,000,000 fit one document\. Split it"):
        parse("a.txt", b"x" * (MAX_DOCUMENT_CHARS + 1))


def test_an_archive_yields_its_files_and_has_no_document_of_its_own() -> None:
    data = package({"a.txt": "text"})
    assert list(open_file("x.zip", data)) == [Member("x.zip/a.txt", b"text")]
    with pytest.raises(EmptyDocumentError, match="holds no document of its own"):
        parse("x.zip", data)


@pytest.mark.parametrize(("name", "reason"), [("x.exe", "unsupported"), ("x.txt", "not_what_it_says")])
def test_of_a_few_bytes_a_zero_makes_a_program(name: str, reason: str) -> None:
    with pytest.raises((UnsupportedTypeError, WrongTypeError), match="a program") as caught:
        parse(name, b"MZ\0\1")
    assert caught.value.reason == reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_text_of_any_encoding_is_read_whatever_its_ending(encoding: str) -> None:
    text = "The setup has finished, and nothing else was to be done."
    assert parse("setup.log", text.encode(encoding)).text == text


def test_a_file_of_nothing_but_a_byte_order_mark_is_empty() -> None:
    with pytest.raises(EmptyDocumentError, match="3 bytes, all of them blank"):
        parse("a.json", b"\xef\xbb\xbf")
