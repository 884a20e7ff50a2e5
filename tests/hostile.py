"""Files that do harm to whoever reads them, and the processes that do."""

import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONSHIPS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Id="r" Target="word/document.xml" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument"/></Relationships>'
)
_WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(n_paragraphs: int) -> bytes:
    """A Word document of that many paragraphs: a million fit 110 kB, and take a minute to read."""
    paragraphs = "<w:p><w:r><w:t>aaaa</w:t></w:r></w:p>" * n_paragraphs
    body = f'<w:document xmlns:w="{_WORDS}"><w:body>{paragraphs}</w:body></w:document>'
    return archive(
        ("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELATIONSHIPS), ("word/document.xml", body)
    )


def archive(*members: tuple[str, str | bytes]) -> bytes:
    """A ZIP archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, data in members:
            writer.writestr(name, data)
    return made.getvalue()


def children(pid: int | None = None) -> list[int]:
    """The ids of the processes that `pid`, by default this one, has started and not seen end."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task")
    return [int(child) for task in tasks.glob("*/children") for child in task.read_text().split()]


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended with all its threads."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def wait_until(is_so: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    """Whether it is so within that time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
