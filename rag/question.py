"""What can be asked."""

from rag.errors import QueryError
from rag.parse.clean import clean

MAX_QUERY_CHARS = 4000


def checked_query(query: str) -> str:
    """Return `query` as it will be asked: cleaned as documents are. Raises QueryError."""
    question = clean(query[: MAX_QUERY_CHARS + 1])
    if not question:
        raise QueryError("The question is empty. Type a question or a few keywords.")
    if len(query) > MAX_QUERY_CHARS:
        raise QueryError(
            f"The question has {len(query):,} characters; at most {MAX_QUERY_CHARS:,} can be asked. "
            "Shorten it."
        )
    return question
