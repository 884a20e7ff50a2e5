"""RerankLens: what a reranker does to your search results, shown honestly."""

from rag.config import forbid_telemetry

__version__ = "0.1.0"

# Here, because onnxruntime begins to collect when it is imported; switching it off afterwards is too late.
forbid_telemetry()
