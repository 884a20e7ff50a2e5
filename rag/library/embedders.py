"""Hold the embedders that the collections' vectors came from, each loaded when it is first needed."""

import threading
from collections.abc import Callable
from contextlib import suppress

from rag.embed import Embedder
from rag.errors import ModelError


class Embedders:
    """The embedders in memory, each of them once. Safe between threads.

    `load` returns the model that a reference names: an id, or a folder; `fingerprint` only tells the
    sha256 that it has now. `default_id` is the reference of the one for new collections.
    """

    def __init__(
        self, load: Callable[[str], Embedder], fingerprint: Callable[[str], str], default_id: str
    ) -> None:
        self._load = load
        self._fingerprint = fingerprint
        self._default_id = default_id
        self._loaded: dict[str, Embedder] = {}  # by reference; two may name one model
        self._loading = threading.Lock()

    @property
    def default(self) -> Embedder:
        """The embedder for new collections. Raises ModelError."""
        return self.get(self._default_id)

    def get(self, reference: str) -> Embedder:
        """Return the embedder that `reference` named when it was first needed. Raises ModelError."""
        # Looked up without the lock: a question never waits for a model that it does not need.
        if found := self._loaded.get(reference):
            return found
        with self._loading:
            if reference not in self._loaded:
                self._loaded[reference] = self._sole(self._load(reference))
            return self._loaded[reference]

    def fresh(self, reference: str) -> Embedder:
        """Return the embedder that `reference` names now, its files replaced or not. Raises ModelError."""
        sha256 = self._fingerprint(reference)
        if found := self._with_fingerprint(sha256):
            return found
        with self._loading:
            # Another thread may have loaded it meanwhile.
            found = self._with_fingerprint(sha256) or self._sole(self._load(reference))
            self._loaded[reference] = found
            return found

    def finds(self, model_id: str, sha256: str) -> bool:
        """Return whether `of` would find this embedder in a new process."""
        return self._reference(model_id, sha256) is not None

    def of(self, model_id: str, sha256: str) -> Embedder:
        """Return the very embedder that made vectors, by the id and the fingerprint it had then.

        Raises ModelError when it is not on this machine, or no longer the same.
        """
        if found := self._with_fingerprint(sha256):
            return found
        if reference := self._reference(model_id, sha256):
            return self.fresh(reference)
        raise ModelError(
            f"The model {model_id} on this machine is another one of that name: expected the fingerprint "
            f"{sha256[:16]}, found {self._fingerprint(model_id)[:16]}.",
            model_id=model_id,
        )

    def _reference(self, model_id: str, sha256: str) -> str | None:
        """Return what names the model with this fingerprint: its id, or the default's folder."""
        for reference in (model_id, self._default_id):
            with suppress(ModelError):
                if self._fingerprint(reference) == sha256:
                    return reference
        return None

    def release(self, sha256: str) -> None:
        """Forget the embedder with this fingerprint, unless it is the default one.

        Its memory is free as soon as the question that is reading with it, if any, has its answer.
        """
        with self._loading:
            default = self._loaded.get(self._default_id)
            for reference, embedder in list(self._loaded.items()):
                if embedder.info.sha256 == sha256 and embedder is not default:
                    del self._loaded[reference]

    def in_memory(self) -> list[Embedder]:
        """Return the embedders that are loaded now, each once."""
        return list(dict.fromkeys(self._loaded.values()))

    def close(self) -> None:
        """Let go of all embedders; nothing can be embedded with them afterwards."""
        with self._loading:
            for embedder in set(self._loaded.values()):
                embedder.close()
            self._loaded.clear()

    def _sole(self, embedder: Embedder) -> Embedder:
        """Return `embedder`, or the same model if it is here already under another reference."""
        known = self._with_fingerprint(embedder.info.sha256)
        if known:
            embedder.close()
        return known or embedder

    def _with_fingerprint(self, sha256: str) -> Embedder | None:
        return next((e for e in list(self._loaded.values()) if e.info.sha256 == sha256), None)
