"""RerankLens: what a reranker does to your search results, shown honestly."""

__version__ = "0.1.0"
