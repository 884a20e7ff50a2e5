"""Turn the bytes of a file into a Document."""

from rag.parse.dispatch import SUPPORTED, parse

__all__ = ["SUPPORTED", "parse"]
