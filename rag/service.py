"""Wire the parts together: the one place where they are made."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from rag.answers.answers import Answers
from rag.config import DEFAULT_EMBEDDER, DEFAULT_MODEL_CACHE, DEFAULT_RERANKER, Settings
from rag.embed import Embedder
from rag.errors import LibraryError, ModelError
from rag.gate import slots_for
from rag.gauges import gauges
from rag.inspect.rerankers import Rerankers
from rag.instruments import Instruments
from rag.jobs import Jobs
from rag.library import Library
from rag.library.embedders import Embedders
from rag.machine.memory import give_memory_back, resident_bytes
from rag.machine.temporary import use_folder
from rag.models.cache import find
from rag.models.load import load
from rag.models.manifest import Task
from rag.models.session import OnnxModel
from rag.page_images import PageImages
from rag.parse.contain import Parsers
from rag.pipeline import Pipeline
from rag.question_language import question_language
from rag.records import ModelInfo
from rag.remote.reranker import RemoteReranker
from rag.rerank import Reranker
from rag.samples import bring_judgments
from rag.score_cache import ScoreCache
from rag.store import Store
from rag.wording import stands_in

_log = logging.getLogger(__name__)

_MOST_PARSERS = 2  # reading takes less time than embedding


@dataclass(frozen=True, slots=True)
class RerankerSwitch:
    """How a change of the reranker went.

    `resident_*` are the process's memory in bytes before it, with both models in memory, and after it;
    None where the system does not say.
    """

    reranker: ModelInfo
    seconds: float
    resident_before: int | None
    resident_loaded: int | None
    resident_after: int | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A reranker that was brought into memory: in which time, and when that was done (UTC).

    `chosen` says that somebody asked for it while the service ran.
    """

    reranker: ModelInfo
    seconds: float
    at: datetime
    chosen: bool = False


@dataclass(slots=True, eq=False)
class Service:
    """Everything that answers questions, in one object: shared by page, API and command line.

    `load_reranker` returns the reranker that a reference names; `loaded` is the present one.
    """

    settings: Settings
    library: Library
    pipeline: Pipeline
    load_reranker: Callable[[str], Reranker]
    loaded: Loaded
    instruments: Instruments = field(repr=False)
    jobs: Jobs = field(default_factory=Jobs, init=False, repr=False)
    page_images: PageImages = field(init=False, repr=False)
    rerankers: Rerankers = field(init=False, repr=False)
    answers: Answers = field(init=False, repr=False)
    _switching: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.page_images = PageImages(self.library)
        self.rerankers = Rerankers(self.pipeline, self.load_reranker, self.settings.model_cache)
        self.answers = Answers(self.pipeline, self.settings.llm)

    @property
    def embedder(self) -> Embedder:
        """The embedder for new collections."""
        return self.library.embedders.default

    @property
    def reranker(self) -> Reranker:
        """The local reranker, as the next question finds it."""
        return self.pipeline.reranker

    def warm_up(self) -> None:
        """Run each model once, so that the first question is as fast as the tenth; begin to read files."""
        self.embedder.embed_query("warm up")
        self.reranker.warm_up()
        for collection in self.library.collections():
            # One that cannot be searched keeps no other from it: whoever asks it a question hears why.
            with suppress(LibraryError):
                searcher = self.library.searcher(collection)
                searcher.matching("warm up", 1)
                if not searcher.embedder.used:
                    searcher.embedder.embed_query("warm up")
        self.library.parsers.start()

    def switch_reranker(self, reference: str) -> RerankerSwitch:
        """Score with the reranker that `reference` names from the next question on.

        The present one answers until the new one is in memory and warm, and then lets go of its own.
        Raises ModelError when the new one cannot be used; the present one stays then.
        """
        with self._switching:
            self.rerankers.let_go()  # of three in memory at once, one would be in vain
            began, before = time.perf_counter(), resident_bytes()
            new = self.load_reranker(reference)
            new.warm_up()
            loaded = resident_bytes()
            self.pipeline.use_reranker(new).close()
            give_memory_back()
            seconds = time.perf_counter() - began
            self.loaded = Loaded(new.info, seconds, datetime.now(UTC), chosen=True)
            return RerankerSwitch(new.info, seconds, before, loaded, resident_bytes())

    def models_in_memory(self) -> list[tuple[tuple[str, str], int]]:
        """Return task and id of each local model in memory, with the size of its files in bytes."""
        embedders = [(("embed", e.info.id), e.file_bytes) for e in self.library.embedders.in_memory()]
        rerankers = [(("rerank", r.info.id), r.file_bytes) for r in self.rerankers.in_memory()]
        return list(dict([*embedders, *reversed(rerankers)]).items())  # a name stands for one figure

    def returns(self, reranker: ModelInfo) -> bool:
        """Return whether the next start, with the same settings, brings this reranker again."""
        with suppress(ModelError):
            cache = self.settings.model_cache
            return find(self.settings.reranker, cache, "rerank").sha256 == reranker.sha256
        return False

    def close(self) -> None:
        """Close the library's file and let go of the models; nothing can be asked afterwards."""
        self.library.close()
        if self.pipeline.remote:
            self.pipeline.remote.close()
        self.rerankers.close()
        self.reranker.close()
        self.library.embedders.close()


def build(settings: Settings, *, stand_in: bool = False) -> Service:
    """Return a service for `settings`, its models loaded.

    With `stand_in`, a default model takes the place of a chosen one that cannot be used (its cache may
    be lost), and every answer says so. Without it, and for a default model, ModelError is raised;
    LibraryError when the library cannot be opened. All say what to do.
    """
    scores = ScoreCache()

    def load_reranker(reference: str) -> Reranker:
        return Reranker(_load(reference, "rerank", settings), scores)

    with ThreadPoolExecutor(1, thread_name_prefix="load") as loader:
        loading = loader.submit(_first_reranker, load_reranker, settings.reranker, stand_in)
        embedders, no_embedder = _first_embedder(settings, stand_in)
        question_language("Can it read?")  # it loads its model when it is first asked
        loaded, reranker, no_reranker = loading.result()
    standing: dict[Task, str] = {}
    for task, notice in (("rerank", no_reranker), ("embed", no_embedder)):
        if notice:
            _log.error("%s", notice)
            standing[cast(Task, task)] = notice
    library = open_library(settings, embedders)
    instruments = Instruments()
    pipeline = Pipeline(
        library,
        reranker,
        standing,
        slots=slots_for(settings.threads),
        queue=settings.queue,
        remote=RemoteReranker(settings.remote) if settings.remote else None,
        prefers_remote=settings.prefers_remote,
        retriever=settings.retriever,
        fusion=settings.fusion,
        order=settings.order,
        observe=instruments.observe_stages,
        observe_failure=instruments.observe_failure,
    )
    service = Service(settings, library, pipeline, load_reranker, loaded, instruments)
    instruments.show(*gauges(pipeline, service.models_in_memory, scores))
    return service


def _first_reranker(
    load_reranker: Callable[[str], Reranker], chosen: str, stand_in: bool
) -> tuple[Loaded, Reranker, str | None]:
    began, notice = time.perf_counter(), None
    try:
        reranker = load_reranker(chosen)
        if chosen != DEFAULT_RERANKER:  # one that cannot read is as good as missing
            reranker.warm_up("Can it read?")
    except ModelError as exc:
        notice = _notice(chosen, DEFAULT_RERANKER, exc, stand_in)
        reranker = load_reranker(DEFAULT_RERANKER)
    return Loaded(reranker.info, time.perf_counter() - began, datetime.now(UTC)), reranker, notice


def _first_embedder(settings: Settings, stand_in: bool) -> tuple[Embedders, str | None]:
    embedders, notice = open_embedders(settings), None
    try:
        embedder = embedders.get(settings.embedder)
        if settings.embedder != DEFAULT_EMBEDDER:
            embedder.embed_query("Can it read?")
    except ModelError as exc:
        notice = _notice(settings.embedder, DEFAULT_EMBEDDER, exc, stand_in)
        embedders = open_embedders(replace(settings, embedder=DEFAULT_EMBEDDER))
        embedders.get(DEFAULT_EMBEDDER)
    return embedders, notice


def _notice(chosen: str, default: str, problem: ModelError, stand_in: bool) -> str:
    if not stand_in or chosen == default:
        raise problem
    return stands_in(default, for_model=chosen, because=problem)


def open_embedders(settings: Settings) -> Embedders:
    """Return the embedders of this machine, each to be loaded when it is needed."""

    def load_embedder(reference: str) -> Embedder:
        return Embedder(_load(reference, "embed", settings))

    def fingerprint(reference: str) -> str:
        return find(reference, settings.model_cache, "embed").sha256

    return Embedders(load_embedder, fingerprint, settings.embedder)


def open_library(settings: Settings, embedders: Embedders) -> Library:
    """Return the library under `settings.home`, made if new. Raises LibraryError."""
    store = Store(settings.home / "library.db")
    use_folder(settings.home)
    parsers = Parsers(
        timeout_s=settings.parse_timeout_s,
        memory_bytes=settings.parse_memory_mb * 1_000_000,
        workers=min(_MOST_PARSERS, settings.threads),
    )
    most = settings.max_upload_mb * 1_000_000
    library = Library(store, embedders, parsers, home=settings.home, max_file_bytes=most)
    with suppress(LibraryError):  # on a full disk, what there is can be searched all the same
        bring_judgments(library)
    return library


def load_model(
    reference: str, task: Task, *, threads: int, cache: Path = Path(DEFAULT_MODEL_CACHE)
) -> OnnxModel:
    """Return the model that `reference` names, its files verified, in memory. Raises ModelError."""
    return load(reference, task, cache=cache.expanduser(), threads=threads)


def _load(reference: str, task: Task, settings: Settings) -> OnnxModel:
    return load_model(reference, task, threads=settings.threads, cache=settings.model_cache)
