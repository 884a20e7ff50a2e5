"""docs/judging.md and docs/measuring.md say what the code does: keys, grades, limits, measures, files."""

import re
from pathlib import Path

import pytest
from documents import rows, sections

from rag.cli.judgments import _FORMATS
from rag.inspect.blind import SURE
from rag.inspect.depth import KNEE_MARGIN
from rag.inspect.differences import MARGIN
from rag.metrics import Metrics, named
from rag.report.exports import MOST_NEGATIVES
from rag.stats.agreement import PERSISTENCE
from rag.store.judgments import GRADES, MAX_GUIDELINES_CHARS, MAX_JUDGE_CHARS, MAX_NOTE_CHARS
from rag.store.runs import MOST_RUNS
from rag.ui.comparison.grading_html import KEYS
from rag.ui.inspection.time import TIMES
from rag.ui.judging.desk import DEFAULT_DEPTH
from rag.ui.judging.guidelines import DEFAULT, GRADE_WORDS
from rag.ui.versus.blind import NEXT_KEY, VOTES

ROOT = Path(__file__).resolve().parents[1]
JUDGING, MEASURING = (
    sections((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")) for name in ("judging", "measuring")
)


def keys(heading: str) -> list[str]:
    """Return the keys in the table whose second column is called so."""
    (table,) = [part for part in JUDGING["Keys"].split("\n\n") if part.startswith(f"| key | {heading}")]
    return [key for cells in rows(table) for key in re.findall(r"`(\w+)`", cells[0])]


def test_the_keys_of_the_judge_page_are_those_of_its_buttons() -> None:
    source = (ROOT / "rag" / "ui" / "judging" / "buttons.py").read_text(encoding="utf-8")
    moves = re.findall(r'"(?:Previous|Next|Back|Skip)", "(\w+)"', source)
    buttons = {*map(str, GRADES), *re.findall(r'shortcut="(\w+)"', source), *moves}
    assert set(keys("on the Judge page")) == buttons


def test_the_keys_of_a_card_and_of_a_vote_are_those_that_are_heard() -> None:
    assert [key.lower() for key in keys("on a card")] == KEYS.split()
    assert [key.lower() for key in keys("in a blind vote")] == [*(key for *_, key in VOTES), NEXT_KEY]


def test_each_grade_has_the_word_of_its_button_and_the_sense_of_the_guidelines() -> None:
    _head, *graded, _cannot = rows(JUDGING["Grades and guidelines"])
    assert [(cells[0], cells[1]) for cells in graded] == [(str(g), GRADE_WORDS[g]) for g in GRADES]
    written = " ".join(DEFAULT.split())
    assert all(cells[2].rstrip(".").casefold() in written.casefold() for cells in (*graded, _cannot))


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("The Judge page", f"among the first {DEFAULT_DEPTH} that were retrieved"),
        ("Grades and guidelines", f"up to {MAX_GUIDELINES_CHARS:,} characters"),
        ("Grades and guidelines", f"up to {MAX_NOTE_CHARS:,} characters"),
        ("Several judges", f"up to {MAX_JUDGE_CHARS} characters"),
        ("Blind vote", f"a p-value below {SURE:g} is taken for a difference"),
        ("What is recorded of a question", f"the newest {MOST_RUNS} runs stay"),
    ],
)
def test_figures_about_judging_are_those_of_the_code(heading: str, said: str) -> None:
    assert said in " ".join(JUDGING[heading].split())


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("One answer", f"**Repeat {TIMES} ×**"),
        ("One answer", f"at most {KNEE_MARGIN:g} below that at the greatest"),
        ("Two rerankers", f"persistence {PERSISTENCE:g}"),
        ("Two rerankers", f"at most {MARGIN:g} (95%)"),
        ("Export", f"at most {MOST_NEGATIVES} for each good one"),
    ],
)
def test_figures_about_measuring_are_those_of_the_code(heading: str, said: str) -> None:
    assert said in " ".join(MEASURING[heading].split())


def test_every_measure_is_explained() -> None:
    explained = [re.sub(r"@k$", "@7", cells[0]) for cells in rows(MEASURING["The measures"])]
    assert explained[1:] == list(named(Metrics(), recall_depth=7, precision_depth=7))


def test_every_format_of_an_export_is_explained() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (called,) = re.findall(r"judgments export COLLECTION \[--format ([a-z|]+)\]", readme)
    explained = re.findall(r"`--format (\w+)`", "".join(cells[0] for cells in rows(MEASURING["Export"])))
    assert sorted(explained) == sorted(called.split("|")) == sorted(_FORMATS)
