"""Refuse models that would run Python code which nobody has allowed."""

import json
import re
from pathlib import Path

from rag.errors import ExportError

# What an embedder may be made of. Of any other class that modules.json names, sentence-transformers would
# import the module, or what that module's own files name.
_MODULE = re.compile(r"sentence_transformers\.(\w+\.)*(Transformer|Pooling|Normalize)")
_LIBRARY = "sentence_transformers."


def refuse_code(folder: Path, name: str) -> None:
    """Refuse a model of which any file asks for Python code that does not come with our libraries.

    Raises ExportError; also for an embedder made of parts that no consent makes usable here.
    """
    asking = [path.name for path in folder.rglob("*config.json") if _asks_for_code(_json(path))]
    kinds = _module_kinds(folder)
    asking += [f"{kind} in modules.json" for kind in kinds if not kind.startswith(_LIBRARY)]
    if asking:
        raise ExportError(
            f"{name} runs only with Python code of its own: {', '.join(sorted(set(asking)))}. If you trust "
            "its authors, export it on the command line with --trust-remote-code.",
            model_id=name,
        )
    if not all(_MODULE.fullmatch(kind) for kind in kinds):
        parts = " + ".join(kind.rpartition(".")[2] for kind in kinds)
        raise ExportError(
            f"{name} cannot be used here: it is made of {parts}; expected Transformer + Pooling "
            "(+ Normalize).",
            model_id=name,
        )


def _module_kinds(folder: Path) -> list[str]:
    """Return the classes that an embedder is made of, or a newer cross-encoder."""
    modules = _json(folder / "modules.json")
    return [str(m.get("type")) for m in modules if isinstance(m, dict)] if isinstance(modules, list) else []


def _asks_for_code(config: object) -> bool:
    return isinstance(config, dict) and bool(config.get("auto_map"))


def _json(path: Path) -> object:
    """Return what the JSON file `path` holds; an empty object where that cannot be told."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
