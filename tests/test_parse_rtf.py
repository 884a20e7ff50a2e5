import pytest

from rag.errors import DamagedDocumentError, EmptyDocumentError
from rag.parse import parse

HEAD = rb"{\rtf1\ansi\ansicpg%d\deff0{\fonttbl{\f0\fswiss Arial;}}"


def read(body: bytes, code_page: int = 1252) -> str:
    return parse("a.rtf", HEAD % code_page + body + b"}").text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"One\par Two {\b bold}.", "One\nTwo bold."),
        (rb"Gr\'f6\'dfe \u8364?", "Größe €"),
        (b"raw \xfc", "raw ü"),
        (rb"{\*\hidden x}seen{\info{\author Ann}}", "seen"),
        (rb"before{\pict\pngblip " + b"89504e47" * 40 + b"}after", "beforeafter"),
        (rb"\trowd Tea\cell Price\cell\row green\cell 3\cell\row", "Tea | Price\ngreen | 3"),
        (rb"\{braces\}", "{braces}"),
    ],
)
def test_rich_text_is_read(body: bytes, text: str) -> None:
    assert read(body) == text


def test_bytes_are_read_in_the_code_page_that_the_file_names() -> None:
    assert read("Příliš".encode("cp1250"), 1250) == "Příliš"
    assert read("Привет".encode("cp1251"), 1251) == "Привет"


@pytest.mark.parametrize("body", [rb"\u9999999999 x", rb"\uc x", rb"\pict\bin x"])
def test_what_no_file_may_hold_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedDocumentError, match=r"a\.rtf is damaged"):
        read(body)


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    assert parse("a.rtf", HEAD % 1252 + rb"One\par Tw").text == "One\nTw"


def test_a_file_without_text_is_empty() -> None:
    with pytest.raises(EmptyDocumentError):
        read(b"")
