from datetime import date, datetime, time

import openpyxl
import pytest
from openpyxl.chart import BarChart
from openpyxl.comments import Comment
from openpyxl.styles import Font

from rag.errors import DamagedDocumentError, TooLargeError, WrongTypeError
from rag.parse.office.xlsx import read_xlsx
from rag.parse.office.xlsx_numbers import show_number
from tests.office_files import (
    book_file,
    parts_of,
    saved,
    sheet_file,
    slides_file,
    with_part,
    zip_file,
)

TEAS: list[list[object]] = [["Tea", "Minutes", "Note"], ["green", 2, None], ["black", 4.5, "strong"]]
TEA_LINES = "Tea: green | Minutes: 2\nTea: black | Minutes: 4.5 | Note: strong"


def text_of(*rows: list[object]) -> str:
    """Return the text of a sheet with these rows, without its heading."""
    return read_xlsx("a.xlsx", book_file(list(rows))).text.removeprefix("Sheet1\n\n")


def test_each_sheet_is_a_page_under_its_name_and_each_row_names_its_columns() -> None:
    content = read_xlsx("a.xlsx", book_file(TEAS, [["only"]]))
    assert content.text == f"Sheet1\n\n{TEA_LINES}\n\nSheet2\n\nonly"
    assert [(h.level, h.title) for h in content.headings] == [(1, "Sheet1"), (1, "Sheet2")]
    assert [(p.number, p.start, p.end) for p in content.pages] == [
        (1, 0, len(f"Sheet1\n\n{TEA_LINES}")),
        (2, len(f"Sheet1\n\n{TEA_LINES}\n\n"), len(content.text)),
    ]


def test_tables_parted_by_empty_rows_have_headers_of_their_own() -> None:
    rivers: list[list[object]] = [["River", "Length", "Sea"], ["Po", 652, "Adriatic"]]
    assert text_of(*TEAS, [], *rivers) == f"{TEA_LINES}\n\nRiver: Po | Length: 652 | Sea: Adriatic"


def test_a_header_goes_on_below_an_empty_row() -> None:
    assert text_of(*TEAS, [], ["white", 3]) == f"{TEA_LINES}\n\nTea: white | Minutes: 3"


def test_titles_above_a_header_are_lines_of_their_own() -> None:
    assert text_of(["All our teas"], *TEAS) == f"All our teas\n{TEA_LINES}"


def test_empty_columns_are_skipped() -> None:
    rows: list[list[object]] = [[None, None, "a b", None, "c d"], [None, None, 1, None, 2], [None, None, 3]]
    assert text_of([], [], *rows) == "a b: 1 | c d: 2\na b: 3"


def test_two_columns_of_words_are_names_and_values_unless_the_first_row_stands_out() -> None:
    rows = [["Author", "Ann"], ["City", "Rome"], ["Drink", "tea"]]
    assert text_of(*rows) == "Author | Ann\nCity | Rome\nDrink | tea"
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    for cell in book.worksheets[0][1]:
        cell.font = Font(bold=True)
    assert (
        read_xlsx("a.xlsx", saved(book)).text == "Sheet\n\nAuthor: City | Ann: Rome\nAuthor: Drink | Ann: tea"
    )


def test_merged_cells_name_all_their_columns_and_rows() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (
        ["City", "2023", None, "2024"],
        [None, "Rain", "Sun", "Snow"],
        ["Rome", 1, 2, 3],
        [None, 4, 5, 6],
    ):
        sheet.append(row)
    for area in ("A1:A2", "B1:C1", "A3:A4"):
        sheet.merge_cells(area)
    assert read_xlsx("a.xlsx", saved(book)).text == (
        "Sheet\n\nCity: Rome | 2023 Rain: 1 | 2023 Sun: 2 | 2024 Snow: 3\n"
        "City: Rome | 2023 Rain: 4 | 2023 Sun: 5 | 2024 Snow: 6"
    )


def test_dates_and_times_are_written_out() -> None:
    row: list[object] = [date(2024, 3, 1), datetime(2024, 3, 1, 14, 30), time(9, 5), True]
    assert text_of(row) == "2024-03-01 | 2024-03-01 14:30:00 | 09:05:00 | TRUE"


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (0.1 + 0.2, "General", "0.3"),
        (1234567, "General", "1234567"),
        (0.125, "0%", "12%"),
        (0.125, "0.0%", "12.5%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (-1234.5, '"$"#,##0.00;[Red]("$"#,##0.00)', "($1,234.50)"),
        (8, "[$€-410] #,##0.00", "€ 8.00"),
        (5, '0.0" kg"', "5.0 kg"),
        (2.5, "0.##", "2.5"),
        (42, "00000", "00042"),
        (1_500_000, '0.0,,"M"', "1.5M"),
        (0, '0;-0;"none"', "none"),
        (-3, "General;-General", "-3"),
        (123456, "0.00E+00", "1.23E+05"),
        (45352, "mmm-yy", "2024-03"),
        (59, "d/m/yyyy", "1900-02-28"),
        (1.5, "[h]:mm", "36:00"),
        (1e300, "yyyy-mm-dd", "1e+300"),
        (2.5, "# ?/?", "2.5"),
    ],
)
def test_numbers_are_shown_by_the_format_of_their_cell(value: float, code: str, shown: str) -> None:
    assert show_number(value, code) == shown


def test_dates_may_count_from_1904() -> None:
    assert show_number(0, "yyyy-mm-dd", since_1904=True) == "1904-01-01"


def test_hidden_sheets_are_read_and_noted() -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Back").append(["secret"])
    book["Back"].sheet_state = "hidden"
    content = read_xlsx("a.xlsx", saved(book))
    assert content.text == "Back\n\nsecret"
    assert content.notes == ("Also read, though hidden: sheet Back.",)


def test_formulas_without_a_result_are_noted() -> None:
    content = read_xlsx("a.xlsx", book_file([["sum", "=1+1"]]))
    assert content.text == "Sheet1\n\nsum"
    assert content.notes[0].startswith("Not read: the results of 1 formula on sheet Sheet1")


def test_comments_and_the_titles_of_charts_end_a_sheet() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet["B2"] = "tea"
    sheet["B2"].comment = Comment("Which?", "Ann")
    chart = BarChart()
    chart.title = "Cups"
    sheet.add_chart(chart, "D4")
    text = read_xlsx("a.xlsx", saved(book)).text
    assert sorted(text.split("\n\n")) == ["Comment on B2: Which?", "Cups", "Sheet", "tea"]


def test_cells_say_what_no_library_would_write() -> None:
    rows = (
        '<row><c t="e"><v>#N/A</v></c><c t="s"><v>99</v></c><c s="99"><v>1</v></c><c><v>word</v></c></row>'
        '<row><c t="inlineStr"><is><t>in</t><rPh sb="0" eb="2"><t>sound</t></rPh></is></c>'
        '<c t="str"><v>a_x000D_b</v></c></row>'
    )
    assert read_xlsx("a.xlsx", sheet_file(rows)).text == "S\n\n#N/A | 1 | word\nin | a b"


def test_a_claim_to_the_last_row_costs_nothing() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    merged = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    assert read_xlsx("a.xlsx", sheet_file(rows, after=merged)).text == "S\n\n1\n\n2"


def test_more_text_than_a_document_may_have_is_refused_early() -> None:
    cell = f'<c t="str"><v>{"x" * 100_000}</v></c>'
    with pytest.raises(TooLargeError, match="more than 5,000,000 characters of text on one sheet"):
        read_xlsx("a.xlsx", sheet_file(f"<row>{cell}</row>" * 60))


def test_a_damaged_sheet_costs_that_sheet_alone() -> None:
    content = read_xlsx(
        "a.xlsx", with_part(book_file(TEAS, [["kept"]]), "xl/worksheets/sheet1.xml", "<worksheet>")
    )
    assert (content.text, content.unreadable, content.page_count) == ("Sheet2\n\nkept", (1,), 2)


def test_damaged_styles_cost_the_formats_alone() -> None:
    data = with_part(book_file([[0.5]]), "xl/styles.xml", "<styleSheet>")
    assert read_xlsx("a.xlsx", data).text == "Sheet1\n\n0.5"


def test_sheets_that_are_all_damaged_are_a_damaged_file() -> None:
    with pytest.raises(DamagedDocumentError, match=r"a\.xlsx is damaged"):
        read_xlsx("a.xlsx", with_part(book_file(TEAS), "xl/worksheets/sheet1.xml", "<worksheet>"))


def test_another_office_file_is_not_a_workbook() -> None:
    with pytest.raises(WrongTypeError, match="is not an Excel workbook: it seems to be a PowerPoint"):
        read_xlsx("a.xlsx", slides_file(lambda presentation: None))


def test_styles_that_excel_would_not_write_still_tell_dates() -> None:
    fonts = '<fonts><font><family val="99"/></font></fonts><fills><fill/></fills>'
    formats = '<numFmts><numFmt numFmtId="170" formatCode="d/m/yy"/></numFmts>'
    looks = '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="31"/></cellXfs>'
    rows = '<row><c s="1"><v>45352</v></c><c s="2"><v>45352</v></c></row>'
    text = read_xlsx("a.xlsx", sheet_file(rows, formats + fonts + looks)).text
    assert text == "S\n\n2024-03-01 | 2024-03-01"


def test_dates_that_are_written_out_are_shown_as_the_others() -> None:
    rows = '<row><c t="d" s="1"><v>2024-03-01T14:30:00</v></c></row>'
    looks = '<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
    assert read_xlsx("a.xlsx", sheet_file(rows, looks)).text == "S\n\n2024-03-01 14:30"


def test_workbooks_in_the_strict_dialect_are_read_alike() -> None:
    usual, strict = "http://schemas.openxmlformats.org/%s/2006/", "http://purl.oclc.org/ooxml/%s/"
    parts = {
        name: content.replace(
            (usual % "spreadsheetml").encode(), (strict % "spreadsheetml").encode()
        ).replace((usual % "officeDocument").encode(), (strict % "officeDocument").encode())
        for name, content in parts_of(book_file(TEAS)).items()
    }
    assert b"purl.oclc.org" in parts["xl/workbook.xml"]
    assert read_xlsx("a.xlsx", zip_file(parts)) == read_xlsx("a.xlsx", book_file(TEAS))
