"""RerankLens: what a reranker does to your search results, shown honestly.

For other programs: `from rag import preload_model, rerank_chunks_onnx, generate_answer`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from rag.config import forbid_telemetry

if TYPE_CHECKING:
    from rag.functions import generate_answer, preload_model, rerank_chunks_onnx

__version__ = "0.1.0"
__all__ = ["__version__", "generate_answer", "preload_model", "rerank_chunks_onnx"]

# Here, because onnxruntime begins to collect when it is imported; switching it off afterwards is too late.
forbid_telemetry()


def __getattr__(name: str) -> object:
    """Return one of the functions, loaded now: whoever wants none of them waits for no onnxruntime."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.functions"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
