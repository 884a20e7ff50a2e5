import time

import pytest

from rag.errors import WrongTypeError
from rag.parse.csv_rows import read_csv


def lines(text: str, name: str = "a.csv") -> list[str]:
    return read_csv(name, text.encode()).text.split("\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_row_names_its_columns_whatever_parts_them(delimiter: str) -> None:
    text = "tea,minutes,note\ngreen,2,\nblack,4,strong\n".replace(",", delimiter)
    assert lines(text) == ["tea: green | minutes: 2", "tea: black | minutes: 4 | note: strong"]


def test_a_decimal_comma_does_not_part_cells() -> None:
    assert lines("Tee;Preis\nGrün;1,50\nSchwarz;2,75\n") == [
        "Tee: Grün | Preis: 1,50",
        "Tee: Schwarz | Preis: 2,75",
    ]


def test_marks_within_the_cells_of_all_rows_but_the_first_do_not_part_them() -> None:
    assert lines("film,genres\nHeat,Action|Drama\nUp,Comedy|Kids\n")[0] == "film: Heat | genres: Action|Drama"


def test_the_delimiter_that_a_file_names_or_its_ending_means_is_taken() -> None:
    assert lines("sep=;\na,x;b\n1,5;2\n") == ["a,x: 1,5 | b: 2"]
    assert lines("a;b\tc\n1;2\t3\n", "a.tsv") == ["a;b: 1;2 | c: 3"]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends() -> None:
    text = 'id,said,by\n1,"one, two\r\nthree",Ann\n2,"""hi""",Bob\n'
    assert lines(text) == ["id: 1 | said: one, two three | by: Ann", 'id: 2 | said: "hi" | by: Bob']


def test_a_quote_that_does_not_end_costs_no_rows() -> None:
    text = 'size,price,note\n1,2,"open\n' + "3,4,x\n" * 50_000
    found = lines(text)
    assert len(found) == 50_001
    assert found[-1] == "size: 3 | price: 4 | note: x"


def test_ragged_rows_keep_all_their_cells() -> None:
    assert lines("a,b,c\n1,2\n\n1,2,3,4\n") == ["a: 1 | b: 2", "a: 1 | b: 2 | c: 3 | 4"]


def test_rows_without_a_header_are_read_as_they_are() -> None:
    assert lines("1,2,3\n4,5,6\n") == ["1 | 2 | 3", "4 | 5 | 6"]
    assert lines("ann@tea.org,3,x\nbob@tea.org,4,y\n")[0] == "ann@tea.org | 3 | x"


def test_a_header_alone_and_names_of_empty_columns_are_not_lost() -> None:
    assert lines("name,age,city\n") == ["name | age | city"]
    assert lines("name,age,city\nAnn,,Rome\n") == ["name | age | city", "name: Ann | city: Rome"]


def test_a_title_above_the_header_is_a_line_of_its_own() -> None:
    assert lines("Report 2020,,\nName,City,Age\nAnn,Rome,3\n") == [
        "Report 2020",
        "Name: Ann | City: Rome | Age: 3",
    ]


def test_the_encoding_is_said_and_a_guess_is_noted() -> None:
    text = "Straße;Größe\nÄpfel;3\nBirnen;4\n"
    guessed, marked = read_csv("a.csv", text.encode("cp1252")), read_csv("a.csv", text.encode("utf-16"))
    assert guessed.text == marked.text == "Straße: Äpfel | Größe: 3\nStraße: Birnen | Größe: 4"
    assert (guessed.encoding, marked.encoding) == ("cp1252", "utf-16")
    assert len(guessed.notes) == 1
    assert marked.notes == ()


def test_a_table_without_cells_has_no_text() -> None:
    assert read_csv("a.csv", b",,\n\n,,\n").text == ""


def test_what_is_not_text_is_no_table() -> None:
    with pytest.raises(WrongTypeError, match=r"a\.csv should hold text"):
        read_csv("a.csv", bytes(range(32)) * 50)


def test_a_hundred_thousand_rows_take_seconds() -> None:
    text = "id,name,price\n" + "".join(f'{n},"tea, no. {n}",{n / 4}\n' for n in range(100_000))
    started = time.perf_counter()
    found = lines(text)
    assert found[-1] == "id: 99999 | name: tea, no. 99999 | price: 24999.75"
    assert time.perf_counter() - started < 15
