"""Temporary files: where they go on a machine that has no folder for them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import archive

from rag.machine.temporary import temporary_finding, use_folder
from rag.parse.blocks import Member
from rag.parse.contain import Parsers

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder() -> Iterator[None]:
    """The folder for temporary files is found anew after the test."""
    yield
    tempfile.tempdir = None


@pytest.mark.usefixtures("folder")
def test_a_folder_that_can_be_written_to_is_left_as_it_is(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    use_folder(tmp_path)
    assert tempfile.gettempdir() == before
    assert (found := temporary_finding(tmp_path)).level == "ok"
    assert before in found.sentence


@pytest.mark.usefixtures("folder")
def test_files_are_read_with_another_folder_in_place_of_the_systems(tmp_path: Path) -> None:
    tempfile.tempdir = str(tmp_path)
    parsers = Parsers(timeout_s=30, memory_bytes=10**9, workers=1)
    try:
        assert list(parsers.open("a.zip", archive(("b.txt", "Tea")))) == [Member("a.zip/b.txt", b"Tea")]
    finally:
        parsers.close()


# A process in which no folder has room: what it writes may have no bytes at all.
_FULL = """
import resource, sys, tempfile
from pathlib import Path
from rag.parse.contain import Parsers
from rag.machine.temporary import temporary_finding, use_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
print(temporary_finding(Path(sys.argv[1])).level)
use_folder(Path(sys.argv[1]))
print(tempfile.gettempdir())
(document,) = Parsers(timeout_s=30, memory_bytes=10**9, workers=1).open("a.txt", b"A cup of tea")
print(document.text)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits what a process may write")
def test_where_nothing_can_be_written_a_sentence_says_so_and_a_plain_file_is_read(
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.splitlines() == ["warn", str(tmp_path), "A cup of tea"]
