from collections.abc import Callable

import pytest

from rag.errors import DamagedDocumentError, DocumentError, PasswordNeededError, UnsupportedTypeError
from rag.parse.office.docx import read_docx
from rag.parse.office.lock import unlock_office
from rag.parse.office.pptx import read_pptx
from rag.parse.office.xlsx import read_xlsx
from tests.office_files import book_file, encrypted, shared_files, slides_file, word_file

OLE = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(504)


@pytest.fixture(scope="module")
def locked() -> bytes:
    return encrypted(word_file(lambda word: word.add_paragraph("text")), "tea")


def test_a_password_gives_back_what_was_encrypted(locked: bytes) -> None:
    data = unlock_office("a.docx", locked, "tea")
    assert read_docx("a.docx", data).text == "text"


def test_without_a_password_it_is_said_how_to_give_one(locked: bytes) -> None:
    with pytest.raises(PasswordNeededError, match=r"with --password .* form field `password`"):
        unlock_office("a.docx", locked, None)


def test_a_wrong_password_is_told_from_none(locked: bytes) -> None:
    with pytest.raises(PasswordNeededError, match=r"a\.docx does not open with this password"):
        unlock_office("a.docx", locked, "coffee")


def test_what_excel_opens_without_asking_is_opened() -> None:
    data = encrypted(book_file([["a"]]), "VelvetSweatshop")
    assert read_xlsx("a.xlsx", data).text == "Sheet1\n\na"


@pytest.mark.parametrize("read", [read_docx, read_pptx, read_xlsx])
def test_the_readers_ask_for_the_password_too(read: Callable[[str, bytes], object]) -> None:
    with pytest.raises(PasswordNeededError):
        read("a.pptx", encrypted(slides_file(lambda presentation: None), "tea"))


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("WordDocument", r"a Word 97-2003 document, .* Save it as \.docx"),
        ("Workbook", r"an Excel 97-2003 workbook, .* Save it as \.xlsx"),
        ("PowerPoint Document", r"a PowerPoint 97-2003 presentation, .* Save it as \.pptx"),
    ],
)
def test_files_of_before_2007_are_to_be_saved_anew(stream: str, message: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=message):
        unlock_office("a.doc", OLE + stream.encode("utf-16-le"), None)


def test_an_encrypted_file_cut_short_is_damaged(locked: bytes) -> None:
    with pytest.raises(DamagedDocumentError, match="is encrypted, and damaged"):
        unlock_office("a.docx", locked[: len(locked) // 2], "tea")


def test_any_cut_of_an_encrypted_file_is_a_sentence(locked: bytes) -> None:
    for length in range(512, len(locked), 1500):
        with pytest.raises(DocumentError, match=r"^a\.docx is"):
            unlock_office("a.docx", locked[:length], None)


def test_real_encrypted_files_open_with_their_password() -> None:
    paths = shared_files("test*_protected_passtika*.???x")
    if not paths:
        pytest.skip("the real files are not here")
    for path in paths:
        assert unlock_office(path.name, path.read_bytes(), "tika").startswith(b"PK"), path.name
