"""Collections of documents: added once, found again, never half there."""

from rag.library.library import Library

__all__ = ["Library"]
