import pytest
from packages import package

from rag.errors import DamagedDocumentError, EmptyDocumentError, UnsupportedTypeError
from rag.parse import parse

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
BOOK = """\
<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>All about tea</dc:title></metadata>
<manifest><item id="b" href="two.xhtml"/><item id="a" href="one%20.xhtml"/>
<item id="n" href="nav.xhtml" properties="nav"/><item id="x" href="gone.xhtml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/>{more}</spine></package>"""
PAGE = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{}</body></html>'


def book(more: str = "", **files: str) -> bytes:
    return package(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": BOOK.format(more=more),
            "OEBPS/one .xhtml": PAGE.format("<h1>Growing</h1><p>On hills.</p>"),
            "OEBPS/two.xhtml": PAGE.format("<h2>Drinking</h2><p>Hot.</p>"),
            "OEBPS/nav.xhtml": PAGE.format("<ol><li>Growing</li></ol>"),
            **{name.replace("__", "/").replace("_", "-", 1) + ".xml": text for name, text in files.items()},
        }
    )


def test_chapters_are_read_in_order_under_the_title_of_the_book() -> None:
    document = parse("tea.epub", book())
    assert document.text == "All about tea\n\nGrowing\n\nOn hills.\n\nDrinking\n\nHot."
    assert [(h.level, h.title) for h in document.headings] == [
        (1, "All about tea"),
        (2, "Growing"),
        (3, "Drinking"),
    ]
    assert all(document.text[h.start :].startswith(h.title) for h in document.headings)


def test_a_missing_chapter_is_told_and_the_others_are_read() -> None:
    document = parse("tea.epub", book('<itemref idref="x"/>'))
    assert document.text.endswith("Hot.")
    assert document.notes == ("1 of its 3 parts could not be read.",)


def encryption(part: str) -> str:
    return f"<encryption><EncryptedData><CipherReference URI='{part}'/></EncryptedData></encryption>"


def test_a_book_locked_to_an_account_is_refused() -> None:
    locked = package({"mimetype": "application/epub+zip", "META-INF/encryption.xml": encryption("one.xhtml")})
    with pytest.raises(UnsupportedTypeError, match=r"locked to an account or device \(DRM\)"):
        parse("tea.epub", locked)


def test_a_book_that_obfuscates_only_its_fonts_is_read() -> None:
    assert "On hills." in parse("tea.epub", book(META_INF__encryption=encryption("font.otf"))).text


def test_without_a_table_of_parts_the_pages_are_read_by_their_names() -> None:
    pages = {"mimetype": "application/epub+zip", "b.html": "<p>two", "a.html": "<p>one"}
    assert parse("tea.epub", package(pages)).text == "one\n\ntwo"


def test_a_book_without_any_readable_chapter_is_damaged() -> None:
    with pytest.raises(DamagedDocumentError):
        parse("tea.epub", package({"mimetype": "application/epub+zip"}))


def test_a_book_of_pictures_is_empty() -> None:
    pages = {"mimetype": "application/epub+zip", "a.html": "<img src='x.png'>"}
    with pytest.raises(EmptyDocumentError):
        parse("tea.epub", package(pages))
