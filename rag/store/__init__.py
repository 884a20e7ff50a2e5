"""Keep documents, chunks and vectors in one SQLite file."""

from rag.store.store import CollectionState, EmbedderRef, Store

__all__ = ["CollectionState", "EmbedderRef", "Store"]
