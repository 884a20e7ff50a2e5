"""The second step: from the original to an ONNX graph that was checked against it."""

import gc
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from optimum.exporters.onnx import onnx_export_from_model

from rag import __version__
from rag.machine.packages import PACKAGES
from rag.models.export import originals, parity, weights_apart
from rag.models.export.originals import Original
from rag.models.manifest import GRAPH, TOKENIZER, Task

_TASKS = {"rerank": "text-classification", "embed": "feature-extraction"}
_VERSIONED = (*PACKAGES, "onnxruntime", "tokenizers")


def run(request: Mapping[str, Any], folder: Path, say: Callable[..., None]) -> dict[str, Any]:
    """Put the checked graph and the tokenizer into `folder`; return the manifest's fields.

    Raises ExportError, its message for the person who asked.
    """
    name, task = str(request["source"]), request["made"]["task"]
    source = Path(request["made"]["folder"])
    original = originals.load(name, task, source, request)
    reading = original.reading()
    say(phase="export", weights_gb=sum(p.numel() for p in original.transformer.parameters()) * 4 / 1e9)
    opset = _export(original, task, folder)
    say(phase="check")
    expected = original.scores(parity.fixed_texts(reading), reading)
    reference, notes, settings = original.reference, original.notes, original.settings
    del original
    gc.collect()  # the graph below is as large as what was just let go
    compared = parity.checked(folder, name, expected, task=task, reading=reading, reference=reference)
    if request["quantization"] != "none":
        np.save(folder / parity.EXPECTED, expected)
    return {
        "opset": opset,
        "reading": asdict(reading),
        "parity": asdict(compared),
        "versions": {"reranklens": __version__} | {package: version(package) for package in _VERSIONED},
        "notes": notes,
        "settings": settings,
    }


def _export(original: Original[Any], task: Task, folder: Path) -> int:
    """Write graph (larger weights beside it) and tokenizer into `folder`; return the opset."""
    work = folder / "export"
    onnx_export_from_model(
        original.transformer, work, task=_TASKS[task], do_validation=False, device="cpu", monolith=True
    )
    for path in work.glob(f"{GRAPH}*"):
        path.rename(folder / path.name)
    shutil.rmtree(work)
    weights_apart.set_apart(folder)
    original.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    graph = onnx.load(str(folder / GRAPH), load_external_data=False)
    return int(next(o.version for o in graph.opset_import if o.domain in ("", "ai.onnx")))
