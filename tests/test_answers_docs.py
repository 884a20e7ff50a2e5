"""docs/answers.md says what written answers do."""

import re
from pathlib import Path

from rag.answers.prompt import MAX_PASSAGES_CHARS, MOST_PASSAGES, NOT_ANSWERED
from rag.answers.support import SUPPORT_LOGIT
from rag.answers.writer import MAX_ANSWER_CHARS
from rag.config import LlmSettings

ROOT = Path(__file__).resolve().parents[1]
PAGE = " ".join((ROOT / "docs" / "answers.md").read_text(encoding="utf-8").split())


def test_every_setting_of_the_language_model_is_in_the_table() -> None:
    read = re.findall(r'"(LLM_[A-Z_]+)"', (ROOT / "rag" / "config.py").read_text())
    assert set(re.findall(r"\| `(LLM_[A-Z_]+)` \|", PAGE)) == set(read)
    assert f"| `LLM_TIMEOUT_S` | {LlmSettings('', '').timeout_s:g} |" in PAGE


def test_the_limits_are_those_of_the_program() -> None:
    assert MOST_PASSAGES == 10  # "ten"
    assert "At most ten passages" in PAGE
    assert f"at most {MAX_PASSAGES_CHARS:,} characters" in PAGE
    assert f"after {MAX_ANSWER_CHARS:,} characters" in PAGE
    assert f"supported from a logit of {SUPPORT_LOGIT} on" in PAGE
    assert f"`{NOT_ANSWERED}`" in PAGE
