import pytest
from packages import package

from rag.errors import DamagedDocumentError, UnsupportedTypeError
from rag.parse import parse
from rag.records import Document

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "draw", "presentation")
)
MIMETYPE = "application/vnd.oasis.opendocument."


def file(kind: str, body: str, **more: str) -> bytes:
    content = (
        f"<office:document-content {NAMES}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
        "</office:document-content>"
    )
    return package({"mimetype": MIMETYPE + kind, "content.xml": content, **more})


def read(ending: str, kind: str, body: str) -> Document:
    return parse(f"a.{ending}", file(kind, body))


TEXT = """\
<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
<text:h text:outline-level="1">Tea</text:h>
<text:p>Hot<text:s text:c="2"/><text:span>or <text:span>cold</text:span></text:span>,<text:tab/>it is
<text:line-break/>good<text:note><text:note-citation>1</text:note-citation><text:note-body>
<text:p>Says Ann.</text:p></text:note-body></text:note>.<office:annotation>
<text:p>really?</text:p></office:annotation>
</text:p>
<text:list><text:list-item><text:p>green</text:p><text:list><text:list-item><text:p>sencha</text:p></text:list-item>
</text:list></text:list-item></text:list>
<text:h text:outline-level="2">Prices</text:h>
<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Tea</text:p></table:table-cell>
<table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row></table:table-header-rows>
<table:table-row><table:table-cell><text:p>green</text:p></table:table-cell>
<table:table-cell><text:p>3</text:p></table:table-cell></table:table-row></table:table>"""


def test_a_text_is_read_in_its_order_with_its_headings() -> None:
    document = read("odt", "text", TEXT)
    assert document.text.split("\n\n") == [
        "Tea",
        "Hot  or cold, it is\ngood.",
        "Says Ann.",
        "- green\n- sencha",
        "Prices",
        "Tea: green | Price: 3",
    ]
    assert [(h.level, h.title) for h in document.headings] == [(1, "Tea"), (2, "Prices")]


def cells(*texts: str) -> str:
    return "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in texts)


SHEETS = f"""\
<table:table table:name="Prices"><table:table-row>{cells("Tea", "Price", "Stock")}
<table:table-cell table:number-columns-repeated="16000"/></table:table-row>
<table:table-row>{cells("green", "3", "10")}</table:table-row>
<table:table-row>{cells("black", "4", "20")}</table:table-row>
<table:table-row table:number-rows-repeated="1000000">
<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>
<table:table table:name="Empty"/>
<table:table table:name="Notes"><table:table-row>{cells("Sold out soon")}</table:table-row></table:table>"""


def test_a_sheet_is_a_page_and_its_rows_name_their_columns() -> None:
    document = read("ods", "spreadsheet", SHEETS)
    assert document.text.split("\n\n") == [
        "Prices",
        "Tea: green | Price: 3 | Stock: 10\nTea: black | Price: 4 | Stock: 20",
        "Notes",
        "Sold out soon",
    ]
    assert ([page.number for page in document.pages], document.page_count) == ([1, 3], 3)
    assert [heading.title for heading in document.headings] == ["Prices", "Notes"]


def test_rows_and_cells_repeated_without_end_are_cut_short() -> None:
    full = '<table:table-row table:number-rows-repeated="99999999"><table:table-cell '
    full += 'table:number-columns-repeated="99999999"><text:p>x</text:p></table:table-cell></table:table-row>'
    assert len(read("ods", "spreadsheet", f"<table:table>{full}</table:table>").text) < 100_000


SLIDES = """\
<draw:page>
<draw:frame presentation:class="title"><draw:text-box><text:p>Tea</text:p></draw:text-box></draw:frame>
<draw:frame><draw:text-box><text:list><text:list-item><text:p>hot</text:p></text:list-item></text:list>
</draw:text-box></draw:frame><presentation:notes>
<draw:frame presentation:class="notes"><draw:text-box><text:p>Smile.</text:p>
</draw:text-box></draw:frame></presentation:notes></draw:page>
<draw:page/>
<draw:page><draw:g><draw:custom-shape><text:p>End</text:p></draw:custom-shape></draw:g></draw:page>"""


def test_a_slide_is_a_page_under_its_title_with_its_notes() -> None:
    document = read("odp", "presentation", SLIDES)
    assert document.text == "Tea\n\n- hot\nNotes: Smile.\n\nSlide 3\n\nEnd"
    assert ([page.number for page in document.pages], document.page_count) == ([1, 3], 3)


def test_an_encrypted_file_asks_for_a_copy_without_password() -> None:
    manifest = {"META-INF/manifest.xml": "<manifest:encryption-data/>", "content.xml": "\x00\x01"}
    with pytest.raises(UnsupportedTypeError, match="save a copy without its password"):
        parse("a.odt", package({"mimetype": MIMETYPE + "text", **manifest}))


@pytest.mark.parametrize("content", ["", "<broken", "<a/>"])
def test_a_file_without_its_content_is_damaged(content: str) -> None:
    with pytest.raises(DamagedDocumentError, match=r"a\.odt is damaged"):
        parse("a.odt", package({"mimetype": MIMETYPE + "text", "content.xml": content}))


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    body = (
        f"<office:document-content {NAMES}><office:body><office:text><text:p>x&b;&f;</text:p></office:text>"
    )
    data = package(
        {
            "mimetype": MIMETYPE + "text",
            "content.xml": bomb + body + "</office:body></office:document-content>",
        }
    )
    assert parse("a.odt", data).text == "x"
