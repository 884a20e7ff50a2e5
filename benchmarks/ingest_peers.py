"""Embed texts with fastembed and sentence-transformers, which find the embedder's own files: no download."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.common import MeasureError
from rag.config import DEFAULT_EMBEDDER, Settings
from rag.models.cache import InstalledModel, locate

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]

# How many texts each takes at a time: the first is its default. What is fastest depends on the machine.
_FASTEMBED_BATCHES, _SENTENCE_TRANSFORMERS_BATCHES = (256, 64, 16, 4, 1), (32, 16, 4, 1)
_FASTEMBED_NAME = "local/embedder"  # its own name for it would make it look on the hub


@contextmanager
def peers(threads: int) -> Iterator[Mapping[str, Mapping[str, Embed]]]:
    """Yield how each peer embeds texts into unit vectors: by its name, and by how many texts at a time.

    Each has `threads` threads. fastembed with a process for each core, which is its own advice for many
    texts, is a peer of its own.
    """
    for package in ("fastembed", "sentence_transformers"):
        if find_spec(package) is None:
            raise MeasureError(f"{package} is not installed. Run: make bench")
    model = locate(DEFAULT_EMBEDDER, "embed", Settings().model_cache)
    with TemporaryDirectory(prefix="reranklens-bench-") as folder:
        for file in model.folder.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        fastembed = _fastembed(model, Path(folder), threads)
        sentence_transformers = _sentence_transformers(model, Path(folder), threads)
        yield {
            "fastembed": {f"{n} at a time": _each(fastembed, n) for n in _FASTEMBED_BATCHES},
            "sentence-transformers": {
                f"{n} at a time": _each(sentence_transformers, n) for n in _SENTENCE_TRANSFORMERS_BATCHES
            },
            f"fastembed, {threads} processes": {
                f"{n} at a time": _each(fastembed, n, parallel=threads) for n in _FASTEMBED_BATCHES[1:]
            },
        }


def _fastembed(model: InstalledModel, folder: Path, threads: int) -> Callable[..., Vectors]:
    from fastembed import TextEmbedding  # type: ignore[import-not-found,unused-ignore]
    from fastembed.common.model_description import (  # type: ignore[import-not-found,unused-ignore]
        ModelSource,
        PoolingType,
    )

    if not any(known["model"] == _FASTEMBED_NAME for known in TextEmbedding.list_supported_models()):
        TextEmbedding.add_custom_model(
            model=_FASTEMBED_NAME,
            pooling={"cls": PoolingType.CLS, "mean": PoolingType.MEAN}[model.reading.pooling],
            normalization=True,
            sources=ModelSource(hf=_FASTEMBED_NAME),
            dim=0,  # which it only reports
            model_file=model.graph.name,
        )
    embedder = TextEmbedding(
        _FASTEMBED_NAME, threads=threads, specific_model_path=str(folder), cache_dir=str(folder / "cache")
    )

    def embed(texts: Sequence[str], *, batch_size: int, parallel: int | None = None) -> Vectors:
        return np.array(list(embedder.embed(list(texts), batch_size=batch_size, parallel=parallel)))

    return embed


def _sentence_transformers(model: InstalledModel, folder: Path, threads: int) -> Callable[..., Vectors]:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    torch.set_num_threads(threads)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    transformer = Transformer(
        str(folder),
        backend="onnx",
        model_kwargs={
            "file_name": model.graph.name,
            "provider": "CPUExecutionProvider",
            "session_options": options,
            "local_files_only": True,
        },
    )
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode=model.reading.pooling)
    embedder = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")

    def embed(texts: Sequence[str], *, batch_size: int) -> Vectors:
        vectors = embedder.encode(list(texts), batch_size=batch_size, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    return embed


def _each(embed: Callable[..., Vectors], n: int, **settings: int) -> Embed:
    return partial(embed, batch_size=n, **settings)
