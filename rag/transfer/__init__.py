"""Take a whole collection along in one file: exported here, imported there."""

from rag.transfer.into import ImportOutcome, import_collection, needs_embedding
from rag.transfer.out import OnProgress, export_collection, export_file

__all__ = [
    "ImportOutcome",
    "OnProgress",
    "export_collection",
    "export_file",
    "import_collection",
    "needs_embedding",
]
