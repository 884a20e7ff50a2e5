"""Real Office files, some of them made to break readers: each is read, or refused with a sentence."""

import pytest

from rag.errors import DocumentError
from rag.parse.blocks import Content
from rag.parse.office.docx import read_docx
from rag.parse.office.pptx import read_pptx
from rag.parse.office.xlsx import read_xlsx
from tests.office_files import shared_files

READERS = {"d": read_docx, "p": read_pptx, "x": read_xlsx}
PATHS = shared_files("*.doc[xm]", "*.dot[xm]", "*.ppt[xm]", "*.xls[xm]")

# A piece of text from places that are easily overlooked.
SAYING = {
    "testWORD_various.docx": "Footnote: This is a footnote.",
    "docx_comments.docx": "Comment (John Reviewer): This is a sample reviewer comment",
    "testWORD.docx": "Page footer: This is the footer for our document",
    "test_slides.pptx": "Col head 1: Cell text 1 | Col head 2: Cell text 2",
    "powerpoint_comments.pptx": "Comment: I need to try this out!",
    "stanley-cups.xlsx": "Team: Maple Leafs | Location: TOR | Stanley Cups: 13",
    "testComment.xlsx": "Comment on A1: Author: Here is a comment",
    "xlsx_05_table_with_title.xlsx": "Year: 2019 | Freshwater Ducks: 120",
}


def read(name: str, data: bytes) -> Content | DocumentError:
    try:
        return READERS[name.rpartition(".")[2][0]](name, data)
    except DocumentError as error:
        return error


@pytest.mark.skipif(not PATHS, reason="the real files are not here")
def test_every_real_file_is_read_or_refused_with_a_sentence() -> None:
    found = {path.name: read(path.name, path.read_bytes()) for path in PATHS}
    assert [name for name, content in found.items() if isinstance(content, Content)]
    for name, error in found.items():
        assert isinstance(error, Content) or name in str(error)
    for name, piece in SAYING.items():
        content = found[name]
        assert isinstance(content, Content), name
        assert piece in content.text, name
