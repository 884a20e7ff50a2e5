"""Serving must start fast and small, so it never loads what only exporting or drawing needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNWANTED = ("torch", "transformers", "optimum", "sentence_transformers", "pandas", "pyarrow")

SERVE = """
import streamlit_app
from rag.config import Settings
from rag.service import build
build(Settings.from_env())
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


def test_serving_loads_no_training_library_and_no_data_frames(tmp_path: Path) -> None:
    assert unwanted_after(SERVE, tmp_path) == []


def test_an_unwanted_import_is_noticed(tmp_path: Path) -> None:
    assert unwanted_after("import pyarrow", tmp_path) == ["pyarrow"]
