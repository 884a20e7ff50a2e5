"""docs/multilingual.md says of the preset what the catalogue says, and names commands that there are."""

import re
from pathlib import Path

import pytest
from documents import rows, sections

from rag.__main__ import parser
from rag.models.catalog import PRESETS, entry

DOCS = Path(__file__).resolve().parents[1] / "docs"
SECTIONS = sections((DOCS / "multilingual.md").read_text(encoding="utf-8"))
PRESET = next(preset for preset in PRESETS if preset.name == "Italian / multilingual")
PRESET_SECTION = SECTIONS[f"The preset “{PRESET.name}”"]


@pytest.mark.parametrize(("column", "model_id"), [(1, PRESET.embedder), (2, PRESET.reranker)])
def test_the_table_of_the_preset_is_the_catalogues(column: int, model_id: str) -> None:
    said = {cells[0]: cells[column] for cells in rows(PRESET_SECTION)}
    known = entry(model_id)
    assert known
    assert said["model"] == f"`{model_id}`"
    assert said["parameters"] == f"{known.parameters_m} million"
    assert said["fetched once"] == f"{known.download_mb} MB"
    assert said["reads at most"] == f"{known.max_tokens} tokens"
    assert said["licence"] == known.licence
    assert all(
        f"`{prefix}`" in said["made of"] for prefix in (known.query_prefix, known.passage_prefix) if prefix
    )


@pytest.mark.parametrize("command", re.findall(r"^    \S+python -m rag (.+)$", PRESET_SECTION, re.MULTILINE))
def test_the_commands_are_understood(command: str) -> None:
    assert parser().parse_args(command.split())


def test_the_costs_are_those_that_the_notice_states() -> None:
    expected = SECTIONS["What to expect"]
    for figure in re.findall(r"\d+(?:\.\d+)?", PRESET.cost):
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", expected), figure


def test_the_measures_of_the_server_are_those_of_the_page_on_deployment() -> None:
    deployment = sections((DOCS / "deploy.md").read_text(encoding="utf-8"))["Memory and cores"]
    said = re.search(r"server: ([\d.]+) GB in place of ([\d.]+)", SECTIONS["What to expect"])
    assert said
    assert all(f"| {figure} GB after " in deployment for figure in said.groups())
