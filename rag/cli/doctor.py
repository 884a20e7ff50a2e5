"""`doctor`: what is installed, what will survive, what to do."""

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from textwrap import fill

from rag.cli.common import add_json, as_json
from rag.config import Settings
from rag.doctor import examine
from rag.machine.findings import Finding

try:
    from rag.library.check import check_library
except ImportError:  # as `doctor` without the option says

    def check_library(path: Path) -> tuple[Finding, ...]:
        """Return that the library was not checked."""
        sentence = f"{path} was not checked: a package for that is missing."
        return (Finding("library check", "fail", sentence, "python -m rag doctor says which one."),)


_WIDTH = 110
_MARKS = {"ok": "ok    ", "warn": "warn  ", "fail": "FAIL  "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--library", action="store_true", help="check that the library holds together, and nothing else"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was found, topic by topic; return 1 when something cannot be used, or is broken."""
    settings = Settings.from_env()
    findings = check_library(settings.home / "library.db") if args.library else examine(settings)
    failed = any(finding.level == "fail" for finding in findings)
    if args.json:
        print(as_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]}))
    else:
        print("\n".join(lines(findings)))
    return int(failed)


def lines(findings: Iterable[Finding]) -> list[str]:
    """Return the findings as a table: each topic, below it what was found, and below that what to do."""
    found = list(findings)
    shown = []
    for topic, group in groupby(found, key=lambda finding: finding.topic):
        shown.append(topic)
        for finding in group:
            shown.append(_wrapped(_MARKS[finding.level], finding.sentence))
            if finding.remedy:
                shown.append(_wrapped("      ", finding.remedy))
    counts = [f"{sum(f.level == level for f in found)} {level}" for level in _MARKS]
    return [*shown, "", ", ".join(counts)]


def _wrapped(mark: str, text: str) -> str:
    # Paths and commands stay whole, to be copied.
    return fill(
        text,
        _WIDTH,
        initial_indent=f"  {mark}",
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )
