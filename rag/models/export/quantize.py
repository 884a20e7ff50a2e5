"""The third step: from the checked graph to an int8 one, checked against the same original."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from rag.models.export import parity, weights_apart
from rag.models.manifest import GRAPH, Parity, Reading


def run(request: Mapping[str, Any], folder: Path, say: Callable[..., None]) -> dict[str, Any]:
    """Replace the graph in `folder` by its int8 form; return the manifest's field `parity`.

    Raises ExportError where int8 is not true enough to the original.
    """
    made = request["made"]
    name, task, reading = str(request["source"]), made["task"], Reading(**made["reading"])
    _quantize(folder)
    say(phase="check int8")
    before = Parity(**made["parity"])
    expected = np.load(folder / parity.EXPECTED)
    compared = parity.checked(
        folder, name, expected, task=task, reading=reading, reference=before.reference, before=before
    )
    (folder / parity.EXPECTED).unlink()
    return {"parity": asdict(compared)}


def _quantize(folder: Path) -> None:
    whole = folder / "whole"
    whole.mkdir()
    for path in folder.glob(f"{GRAPH}*"):
        path.rename(whole / path.name)
    # Signed weights with unsigned activations are twice as fast as both unsigned; a scale for each
    # channel costs nothing and drifts less.
    quantize_dynamic(
        whole / GRAPH,
        folder / GRAPH,
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=weights_apart.pays_off(weights_apart.size_bytes(whole) / 4),
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    shutil.rmtree(whole)
