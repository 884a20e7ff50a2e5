"""Files on their way into a library, made from a name and a text."""

from rag.ingest import SourceFile


def text_file(name: str, text: str | bytes) -> SourceFile:
    """Return the file `name` with `text` in it."""
    data = text if isinstance(text, bytes) else text.encode()
    return SourceFile(name, len(data), lambda: data)
