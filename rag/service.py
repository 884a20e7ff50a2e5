"""Wire the parts together: the one place where they are made."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from rag.config import Settings
from rag.embed import Embedder
from rag.errors import LibraryError
from rag.library import Library
from rag.models.cache import locate
from rag.models.catalog import Task, find
from rag.models.session import OnnxModel
from rag.pipeline import Pipeline
from rag.rerank import Reranker
from rag.score_cache import ScoreCache
from rag.store import Store

# About as long as a chunk, so that the first real pair finds its memory already there.
_WARM_UP_TEXT = "Before the first question, the model reads a text as long as any chunk. " * 14


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """Everything that answers questions, in one object: shared by page, API and command line."""

    settings: Settings
    embedder: Embedder
    reranker: Reranker
    library: Library
    pipeline: Pipeline

    def warm_up(self) -> None:
        """Run each model once, so that the first question is as fast as the tenth."""
        self.embedder.embed_query("warm up")
        self.reranker.warm_up(_WARM_UP_TEXT)
        for collection in self.library.collections():
            # One that cannot be searched keeps no other from it: whoever asks it a question hears why.
            with suppress(LibraryError):
                self.library.load(collection)

    def close(self) -> None:
        """Close the library's file; nothing can be asked afterwards."""
        self.library.close()


def build(settings: Settings) -> Service:
    """Return a service for `settings`, its models loaded.

    Raises ModelError when a model is missing or corrupt, LibraryError when the library cannot be
    opened; both say what to do.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="load") as loaders:
        embedder_model = loaders.submit(load_model, settings.embedder, "embed", threads=settings.threads)
        reranker_model = loaders.submit(load_model, settings.reranker, "rerank", threads=settings.threads)
        embedder = Embedder(embedder_model.result())
        reranker = Reranker(reranker_model.result(), ScoreCache())
    library = open_library(settings, embedder)
    pipeline = Pipeline(library, embedder, reranker)
    return Service(settings, embedder, reranker, library, pipeline)


def open_library(settings: Settings, embedder: Embedder) -> Library:
    """Return the library under `settings.home`, made if new. Raises LibraryError."""
    store = Store(settings.home / "library.db")
    most = settings.max_upload_mb * 1_000_000
    return Library(store, embedder, home=settings.home, max_file_bytes=most)


def load_model(model_id: str, task: Task, *, threads: int) -> OnnxModel:
    """Return the model `model_id`, its files verified, in memory. Raises ModelError."""
    spec = find(model_id, task)
    return OnnxModel(spec, locate(spec), threads=threads)
