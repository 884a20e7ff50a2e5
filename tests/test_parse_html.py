import pytest

from rag.errors import DamagedDocumentError, EmptyDocumentError
from rag.parse import parse
from rag.records import Document


def parse_page(html: str) -> Document:
    return parse("a.html", html.encode())


PAGE = """\
<!doctype html><html><head><title>Tea shop</title><style>p {}</style>
<script>var x = "<p>no</p>"</script></head>
<body>
<header><h1>Site name</h1></header><nav><a href="/">Menu</a></nav><div role="banner">Banner</div>
<main><article>
<header><h1>All about tea</h1><p>By Ann</p><ul><li>Share</li></ul></header>
<p>Tea is a <b>hot</b>
   drink.<br>Drink&nbsp;it.</p>
<h2>Kinds</h2>
<ul><li>green<ul><li>sencha</li></ul></li><li><p>black</p></li></ul>
<table><tr><th>Tea</th><th>Minutes</th></tr><tr><td>green</td><td>2<br>or 3</td></tr>
<tr><td></td><td></td></tr></table>
<pre>
boil()
  pour()</pre>
<p hidden>hidden</p><p aria-hidden="true">not said</p><p style="color:red; display: none">not shown</p>
<noscript>Turn on scripts</noscript><svg><text>drawn</text></svg><template><p>later</p></template>
</article></main>
<aside>Other news</aside><form><p>Sign up</p></form><footer>Imprint</footer>
</body></html>"""

READ = """\
All about tea

By Ann

Tea is a hot drink.
Drink it.

Kinds

- green
- sencha
- black
Tea: green | Minutes: 2 or 3

boil()
  pour()"""


def test_a_page_is_read_without_its_furniture() -> None:
    document = parse_page(PAGE)
    assert document.text == READ
    assert [(h.level, h.title, h.start) for h in document.headings] == [
        (1, "All about tea", 0),
        (2, "Kinds", 54),
    ]


def test_the_title_is_the_heading_of_a_page_that_has_none() -> None:
    document = parse_page("<title>Tea\n shop</title><p>We sell tea.")
    assert document.text == "Tea shop\n\nWe sell tea."
    assert [(h.level, h.title) for h in document.headings] == [(1, "Tea shop")]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>a<p>b</p>c</div>", "a\n\nb\n\nc"),
        ("H<sub>2</sub>O <em>is</em>&#32;<i>wet</i>", "H2O is wet"),
        ("<table><tr><td><h1>Old</h1><p>page</p></td><td>side</td></tr></table>", "Old\n\npage\n\nside"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td colspan=2>both</td></tr></table>", "a | b\nboth"),
        (
            "<article><p>Short.</p></article><p>Most of this page is outside.</p>",
            "Short.\n\nMost of this page is outside.",
        ),
        ("<p>Ad</p><main><p>Most of this page is inside.</p></main>", "Most of this page is inside."),
        (
            "<form><p>The whole page is in a form.</p><input value=x><select><option>y</select></form>",
            "The whole page is in a form.",
        ),
        ("<nav>Nothing but a menu</nav>", "Nothing but a menu"),
        ("a\x00b &shy;&#xD800;<!-- c -->d", "ab \ufffdd"),
    ],
)
def test_reading(html: str, text: str) -> None:
    assert parse_page(html).text == text


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "cp1252"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "cp1252"),
        ('<?xml version="1.0" encoding="iso-8859-15"?>', "iso-8859-15"),
        ('<meta charset="iso-8859-1">', "utf-8"),
        ('<meta charset="utf-8">', "cp1252"),
        ('<meta charset="unicode_escape">', "utf-8"),
        ('<meta charset="no-such-thing">', "cp1252"),
        ("", "utf-16"),
        ("", "utf-8-sig"),
    ],
)
def test_characters_are_read_whatever_the_page_declares(declared: str, encoding: str) -> None:
    text = "Café für 20 €"
    assert parse("a.htm", f"{declared}<p>{text}</p>".encode(encoding)).text == text


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("<tr><th>A<th>B<tr><td>1<td>2<tr><td><td>4", ["A: 1 | B: 2", "B: 4"]),
        ("<caption>All<thead><tr><td>A<td>B<tbody><tr><td>1<td>2", ["All", "A: 1 | B: 2"]),
        ("<tr><td>A<td>B<tr><td>1<td>2", ["A | B", "1 | 2"]),
        ("<tr><th>Kind<td>bird<tr><th>Legs<td>2", ["Kind | bird", "Legs | 2"]),
        (
            "<tr><th rowspan=2>A<th colspan=2>B<tr><th>x<th>y<tr><td rowspan=2>1<td>2<td>3<tr><td>4<td>5",
            ["A: 1 | B x: 2 | B y: 3", "A: 1 | B x: 4 | B y: 5"],
        ),
        ("<tr><th>A<th>B<tr><td colspan=0>1<td rowspan=999999999999>2", ["A: 1 | B: 2"]),
    ],
)
def test_a_row_of_a_table_names_its_columns(table: str, lines: list[str]) -> None:
    assert parse_page(f"<p>Text</p><table>{table}</table>").text.split("\n\n")[1].split("\n") == lines


def test_in_xhtml_an_element_may_close_itself() -> None:
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><p>Text<br/>on</p>'
    assert parse("a.xhtml", page.encode()).text == "Text\non"


def test_a_page_without_text_is_empty() -> None:
    with pytest.raises(EmptyDocumentError):
        parse_page("<title>Only a title</title><img src='x.png'>")


def test_nesting_beyond_reason_is_refused_before_it_costs_anything() -> None:
    with pytest.raises(DamagedDocumentError, match="nested more than 10000 deep"):
        parse_page("<div>" * 100_000 + "x")


def test_deep_nesting_within_reason_is_read() -> None:
    assert parse_page("<div>" * 5000 + "deep").text == "deep"


@pytest.mark.parametrize("part", ["<p>x<br>", "<svg><path/></svg>x", r"<script>'<b>bold<\/b>'</script>x"])
def test_many_elements_side_by_side_are_not_nested(part: str) -> None:
    assert parse_page(part * 10_001).text.count("x") == 10_001
