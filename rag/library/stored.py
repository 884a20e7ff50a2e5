"""Look into a library that exists: does it open, what does it hold, can each collection be searched."""

from contextlib import closing
from pathlib import Path

from rag.amounts import counted
from rag.errors import LibraryError, ModelError
from rag.machine.findings import Finding
from rag.models.cache import locate
from rag.store import CollectionState, Store

LIBRARY = "library"


def stored_findings(path: Path, model_cache: Path) -> tuple[Finding, ...]:
    """Return what the library file `path`, which exists, holds, or why it cannot be opened."""
    try:
        with closing(Store(path)) as store:
            filled = store.filled()
            states = [state for state in store.states() if state.name in filled]
            n_documents = sum(len(store.documents(state.name)) for state in states)
    except LibraryError as exc:
        return (Finding(LIBRARY, "fail", str(exc)),)
    held = f"{path} opens and holds {counted(len(states), 'collection')}, {counted(n_documents, 'document')}."
    unsearchable = [finding for state in states if (finding := _embedder_finding(state, model_cache))]
    return (Finding(LIBRARY, "ok", held), *unsearchable)


def _embedder_finding(state: CollectionState, model_cache: Path) -> Finding | None:
    if state.embedder is None:
        return None
    try:
        if locate(state.embedder.id, "embed", model_cache).sha256 == state.embedder.sha256:
            return None
        why = f"{state.embedder.id}, and the one on this machine is another version of it"
    except ModelError as exc:
        why = f"{state.embedder.id}, which cannot be used here: {exc}"
    remedy = f"Export that model again, or change it: python -m rag reembed ID --collection {state.name!r}"
    return Finding(
        LIBRARY, "fail", f"Collection {state.name!r} cannot be searched: its vectors are from {why}", remedy
    )
