"""Models for tests: the default ones under any name, and which of them a machine has."""

from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.embed import Embedder
from rag.errors import MissingModelError
from rag.library.embedders import Embedders
from rag.models.cache import InstalledModel, locate
from rag.models.manifest import FileFacts, Manifest, Parity, Quantization, Task, write
from rag.models.naming import folder_name
from rag.models.session import OnnxModel
from rag.rerank import Reranker
from rag.score_cache import ScoreCache


@cache
def installed(task: Task) -> InstalledModel:
    """Return the default model of `task`, its files verified once."""
    return locate(DEFAULT_EMBEDDER if task == "embed" else DEFAULT_RERANKER, task, Path("no cache"))


def relabelled(task: Task, model_id: str, fingerprint: str, *, max_tokens: int = 512) -> InstalledModel:
    """Return the default model of `task` as if it were another one."""
    default = installed(task)
    reading = replace(default.reading, max_tokens=max_tokens)
    return replace(default, id=model_id, sha256=fingerprint, reading=reading)


def make_embedder(model_id: str, fingerprint: str, *, max_tokens: int = 512) -> Embedder:
    """Return the default embedder in memory once more, under another name."""
    return Embedder(OnnxModel(relabelled("embed", model_id, fingerprint, max_tokens=max_tokens), threads=1))


def make_reranker(model_id: str, fingerprint: str, scores: ScoreCache | None = None) -> Reranker:
    """Return the default reranker in memory once more, under another name."""
    return Reranker(OnnxModel(relabelled("rerank", model_id, fingerprint), threads=1), scores)


class Machine:
    """The embedders that are on a machine, by reference; each `load` of one is written down.

    `has` may be changed: whoever asks next finds the machine as it is then.
    """

    def __init__(self, *embedders: Embedder) -> None:
        self.has = {embedder.info.id: embedder for embedder in embedders}
        self.loads: list[str] = []

    def load(self, reference: str) -> Embedder:
        self.loads.append(reference)
        return self._found(reference)

    def fingerprint(self, reference: str) -> str:
        return self._found(reference).info.sha256

    def embedders(self, default_id: str = DEFAULT_EMBEDDER) -> Embedders:
        return Embedders(self.load, self.fingerprint, default_id)

    def _found(self, reference: str) -> Embedder:
        if reference not in self.has:
            raise MissingModelError(
                f"Model {reference} is missing.", model_id=reference, path=Path(reference)
            )
        return self.has[reference]


def export_copy(
    cache: Path,
    model_id: str,
    *,
    task: Task = "embed",
    max_tokens: int = 128,
    quantization: Quantization = "int8",
) -> None:
    """Put the default model of `task` into the model cache `cache` as if it were an exported `model_id`."""
    default = installed(task)
    folder = cache / folder_name(model_id, quantization)
    folder.mkdir(parents=True)
    files = {}
    for path in (default.graph, default.tokenizer):
        (folder / path.name).symlink_to(path)
        files[path.name] = FileFacts(sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    parity = Parity("a test", texts=0, fp32_difference=0, drift=0, spread=0, clear_pairs=0, agreement=None)
    manifest = Manifest(
        id=model_id,
        task=task,
        source=model_id,
        revision="test",
        quantization=quantization,
        opset=17,
        reading=replace(default.reading, max_tokens=max_tokens),
        files=files,
        parity=parity,
        versions={},
        seconds={},
        created_at="2026-01-31T12:00:00+00:00",
    )
    write(manifest, folder)
