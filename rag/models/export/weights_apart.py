"""Keep the weights of larger models in a file beside their graph.

Above 2 GB there is no other way. From a tenth of a GB on it pays off: onnxruntime maps such a file into
memory instead of reading and copying it. The int8 graph of a model with 568 million parameters then
loads in 0.4 of the time and takes 0.4 of the memory (benchmarks/export.py).
"""

from pathlib import Path

import onnx

from rag.models.manifest import GRAPH

_FROM_BYTES = 100e6


def pays_off(n_bytes: float) -> bool:
    """Return whether weights of this size belong into a file of their own."""
    return n_bytes > _FROM_BYTES


def size_bytes(folder: Path) -> int:
    """Return how large graph and weights in `folder` are together."""
    return sum(path.stat().st_size for path in folder.glob(f"{GRAPH}*"))


def set_apart(folder: Path) -> None:
    """Move the weights of the graph in `folder` into a file of their own, where that pays off."""
    graph = folder / GRAPH
    if not pays_off(graph.stat().st_size):
        return  # small, or apart already
    onnx.save_model(
        onnx.load(str(graph)),
        str(graph),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{GRAPH}.data",
    )
