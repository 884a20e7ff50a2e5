"""Turn the bytes of a file into Documents."""

from rag.parse.blocks import Failed, Member
from rag.parse.dispatch import SUPPORTED, open_file, parse

__all__ = ["SUPPORTED", "Failed", "Member", "open_file", "parse"]
