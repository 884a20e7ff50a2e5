"""Serving starts fast, small and quiet: it loads nothing that only exporting needs, and leaves no trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNWANTED = (
    *("torch", "transformers", "optimum", "sentence_transformers", "pandas", "pyarrow"),
    # Files are read in processes of their own.
    *("pypdfium2", "lxml", "docx", "pptx", "openpyxl", "selectolax", "striprtf", "msoffcrypto"),
)

SERVE = """
import streamlit_app
from rag.config import Settings
from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.service import build

service = build(Settings.from_env())
one_of_each_format = {file.name.rpartition(".")[2]: file for file in sample_files()}.values()
outcomes = service.library.ingest(one_of_each_format, collection=SAMPLE_COLLECTION)
assert [outcome.status for outcome in outcomes] == ["added"] * 5, outcomes
service.pipeline.search("orecchiette", collection=SAMPLE_COLLECTION, retrieve_k=3)
"""
LOOK = """
import sys
print(*sorted(set(sys.modules) & set(sys.argv[1:])))
"""


def unwanted_after(code: str, home: Path) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", code + LOOK, *UNWANTED],
        cwd=ROOT,
        env=os.environ | {"RAG_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if ran.returncode:
        pytest.fail(ran.stderr, pytrace=False)
    return ran.stdout.splitlines()[-1].split()


def test_serving_loads_no_training_library_no_data_frames_and_no_reader_of_files(tmp_path: Path) -> None:
    assert unwanted_after(SERVE, tmp_path) == []


def test_an_unwanted_import_is_noticed(tmp_path: Path) -> None:
    assert unwanted_after("import pyarrow", tmp_path) == ["pyarrow"]


def test_loading_what_runs_models_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    # Nothing of this process's environment: it has the answer already.
    code = "import rag.models.session"
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"HOME": str(tmp_path)}, check=True, timeout=60
    )
    assert list(tmp_path.rglob("*")) == []
