"""Add files to a collection: each document kept whole or not at all, each file with its own outcome."""

from rag.ingest.ingestion import Ingestion
from rag.ingest.intake import SourceFile
from rag.ingest.run import Cancelled, OnOutcome, OnProgress

__all__ = ["Cancelled", "Ingestion", "OnOutcome", "OnProgress", "SourceFile"]
