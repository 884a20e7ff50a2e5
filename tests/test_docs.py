"""The README says what the program does."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from rag.__main__ import parser
from rag.config import Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_names_every_setting_the_program_reads() -> None:
    read = re.findall(r'"(RAG_[A-Z_]+)"', (ROOT / "rag" / "config.py").read_text())
    assert set(re.findall(r"^\| `(RAG_[A-Z_]+)`", README, re.MULTILINE)) == set(read)


def test_the_settings_table_names_the_defaults() -> None:
    defaults = Settings.from_env({})
    for value in (defaults.home, defaults.embedder, defaults.reranker):
        assert f"| `{value}` |" in README
    for number in (defaults.retrieve_k, defaults.top_k, defaults.max_upload_mb):
        assert f"| {number} |" in README


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
        assert set(re.findall(r"--[a-z-]+", usage)) == options - {"--help", "--json"}


def test_the_readme_shows_files_that_are_there() -> None:
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path


def test_no_figure_is_left_to_fill_in() -> None:
    assert "<!-- measured" not in README
