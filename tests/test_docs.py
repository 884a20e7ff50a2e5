"""The README says what the program does, and every link leads somewhere."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from rag.__main__ import parser
from rag.config import RemoteSettings, RemoteStyle, Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTING = r"(?:RAG|MODAL|USE|LLM)_[A-Z_]+"


def test_the_settings_table_names_every_setting_the_program_reads() -> None:
    read = re.findall(rf'"({SETTING})"', (ROOT / "rag" / "config.py").read_text())
    assert set(re.findall(rf"^\| `({SETTING})`", README, re.MULTILINE)) == set(read)


def test_the_settings_table_names_the_defaults() -> None:
    defaults = Settings.from_env({})
    for value in (defaults.home, defaults.embedder, defaults.reranker):
        assert f"| `{value}` |" in README
    for name, number in (
        ("RAG_RETRIEVE_K", defaults.retrieve_k),
        ("RAG_TOP_K", defaults.top_k),
        ("RAG_MAX_UPLOAD_MB", defaults.max_upload_mb),
        ("RAG_PARSE_TIMEOUT_S", defaults.parse_timeout_s),
        ("RAG_PARSE_MEMORY_MB", defaults.parse_memory_mb),
        ("RAG_QUEUE", defaults.queue),
        ("RAG_REMOTE_TIMEOUT_S", RemoteSettings("").timeout_s),
    ):
        assert f"| `{name}` | {number:g} |" in README


def test_every_style_of_remote_rerankers_is_in_the_settings_table() -> None:
    (row,) = re.findall(r"^\| `RAG_REMOTE_STYLE` \|.*$", README, re.MULTILINE)
    assert set(re.findall(r"`([a-z]+)`", row)) == set(get_args(RemoteStyle))


def commands(of: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command below the parser `of` with its full name, such as "models list"."""
    for action in of._actions:
        if isinstance(action.choices, dict):
            for word, command in action.choices.items():
                yield from commands(command, f"{name} {word}".strip())
            return
    yield name, of


def test_every_command_and_each_of_its_options_is_in_the_readme() -> None:
    for name, command in commands(parser()):
        (usage,) = re.findall(rf"^    python -m rag ({name}(?: .*)?)$", README, re.MULTILINE)
        options = {o for a in command._actions for o in a.option_strings if o.startswith("--")}
        assert set(re.findall(r"--[a-z0-9-]+", usage)) == options - {"--help", "--json"}


def anchors(page: Path) -> set[str]:
    """The names by which a link reaches the headings of `page`."""
    text = re.sub(r"^```[\s\S]*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    for path, anchor in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), (path, anchor)


def test_no_figure_is_left_to_fill_in() -> None:
    assert "<!-- measured" not in README
