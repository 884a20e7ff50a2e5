"""Find and lend the rerankers that one question's candidates can be ordered by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rag.config import RERANKER_REMOTE
from rag.errors import ModelError, QueryError
from rag.inspect.one_more import OneMore
from rag.models.cache import InstalledModel, find, installed
from rag.models.manifest import FORMS
from rag.models.naming import split_form
from rag.pipeline import Pipeline
from rag.records import ModelInfo
from rag.rerank import Reranker, Scorer
from rag.timing import Pulse, Stopwatch
from rag.wording import reranker_label


@dataclass(frozen=True, slots=True)
class RerankerOption:
    """A reranker that can be used here: `reference` names it, `label` is for people.

    `weights` are "int8" or "fp32", and empty for a remote one, of which nobody knows; so is its `sha256`.
    `present` is the local one that questions are answered with.
    """

    reference: str
    label: str
    kind: Literal["local", "remote"]
    weights: str
    sha256: str
    in_memory: bool
    present: bool


class Rerankers:
    """Every reranker of this machine, and the remote one. Safe between threads.

    `load` brings the local one that a reference names into memory, with the score cache that all of them
    share; `cache` is the folder of exported models. Beside the present one, one more is in memory at most.
    """

    def __init__(self, pipeline: Pipeline, load: Callable[[str], Reranker], cache: Path) -> None:
        self._pipeline = pipeline
        self._cache = cache
        self._one_more = OneMore(load)

    def choices(self) -> tuple[RerankerOption, ...]:
        """Return what `using` takes: the models of this machine, each form of one, then the remote one.

        Their files are not looked into: a damaged one is told of when it is used.
        """
        present = self._pipeline.reranker.installed
        models = [model for model in installed(self._cache) if isinstance(model, InstalledModel)]
        here = [model for model in models if model.task == "rerank"]
        if present.sha256 not in {model.sha256 for model in here}:
            here.insert(0, present)
        local = tuple(self._option(model, present) for model in here)
        remote = self._pipeline.remote
        if remote is None:
            return local
        label = reranker_label(remote.info)
        return (*local, RerankerOption(RERANKER_REMOTE, label, "remote", "", "", False, False))

    def reference_of(self, model: ModelInfo) -> str | None:
        """Return what names the very reranker that made a result; None where it is not here any more."""
        remote = self._pipeline.remote
        if remote is not None and remote.info == model:
            return RERANKER_REMOTE
        local = (option for option in self.choices() if option.kind == "local")
        return next((option.reference for option in local if option.sha256 == model.sha256), None)

    @contextmanager
    def using(
        self, reference: str, *, watch: Stopwatch | None = None, pulse: Pulse | None = None
    ) -> Iterator[Scorer]:
        """Yield the reranker that `reference` names, in memory and warm while the body runs.

        Where it must be loaded first, that is the stage `load` of `watch`; a wait for others who use
        another one is told to `pulse`. A body uses one at a time: with the next one in a body of its own.
        Raises ModelError for one that is not here or cannot be used, QueryError where there is no remote
        one.
        """
        if reference == RERANKER_REMOTE:
            yield self._remote()
            return
        sha256 = self._sha256(reference)
        with self._pipeline.present.in_use() as (present, _):
            if present.info.sha256 == sha256:
                yield present
                return
        with self._one_more.lent(reference, sha256, watch=watch or Stopwatch(), pulse=pulse) as other:
            yield other

    def in_memory(self) -> tuple[Reranker, ...]:
        """Return the local rerankers that are in memory now, the present one first."""
        other = self._one_more.reranker
        return (self._pipeline.reranker,) if other is None else (self._pipeline.reranker, other)

    def let_go(self) -> None:
        """Free the memory of the further one, unless somebody uses it."""
        self._one_more.let_go()

    def close(self) -> None:
        """Let go of the further one, whoever uses it; the present one is not its own."""
        self._one_more.close()

    def _remote(self) -> Scorer:
        if self._pipeline.remote is None:
            raise QueryError("There is no remote reranker: set MODAL_RERANK_URL and start again.")
        return self._pipeline.remote

    def _sha256(self, reference: str) -> str:
        try:
            return find(reference, self._cache, "rerank").sha256
        except ModelError:
            present = self._pipeline.reranker.info
            if reference == present.id:  # in memory still, its files gone
                return present.sha256
            raise

    def _option(self, model: InstalledModel, present: InstalledModel) -> RerankerOption:
        loaded = {reranker.info.sha256 for reranker in self.in_memory()}
        return RerankerOption(
            reference=model.id,
            label=_label(model),
            kind="local",
            weights=_weights(model),
            sha256=model.sha256,
            in_memory=model.sha256 in loaded,
            present=model.sha256 == present.sha256,
        )


def _weights(model: InstalledModel) -> str:
    # What comes in a package is quantized.
    return FORMS[model.manifest.quantization if model.manifest else "int8"]


def _label(model: InstalledModel) -> str:
    """Return a model's id and weights; its id names them only where two are the same otherwise."""
    source, form = split_form(model.id)
    another = ", exported here" if form == "int8" else ""
    return f"{source}, {_weights(model)}{another}"
