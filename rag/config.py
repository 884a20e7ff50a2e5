"""The settings, read once from the environment."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from rag.env_values import LOCAL_HOSTS, address, folder, hosts, one_of, seconds, secret, truth, whole
from rag.errors import SettingsError

DEFAULT_EMBEDDER = "BAAI/bge-small-en-v1.5"
DEFAULT_RERANKER = "cross-encoder/ms-marco-MiniLM-L-12-v2"
RERANKER_NONE = "none"  # in place of a reranker's name: no reranking
RERANKER_REMOTE = "remote"  # in place of a reranker's name: the one that MODAL_RERANK_URL names
DEFAULT_MODEL_CACHE = "~/.cache/huggingface/onnx"
MAX_RETRIEVE_K = 1000
DEFAULT_COLLECTION = "default"

HOP_HEADER = "x-reranklens"  # on what one RerankLens asks another

# Who scores a question: what the settings prefer, one of the two by name, or nobody.
RerankerChoice = Literal["preferred", "local", "remote", "none"]
# What finds the candidates: one of the three by name, or what the languages ask for.
RetrieverChoice = Literal["auto", "dense", "lexical", "hybrid"]
# The final order: what the rules say, or always the reranker's own.
OrderChoice = Literal["auto", "reranker"]
RemoteStyle = Literal["cohere", "jina", "tei", "infinity", "voyage"]

# onnxruntime's (from its import on, a file in the home folder), the Hugging Face libraries', the common one.
_NO_TELEMETRY = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")

# What a process needs to run at all, or to find its libraries. No secret is among them.
_PLAIN = (
    *("PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("SYSTEMROOT", "WINDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"),
)
# One thread, one heap: what a process may take is then what its work takes.
_FRUGAL = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}

_CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Where a remote reranker is, and how it is spoken to.

    `timeout_s` bounds a whole question, retries included. `model` is the name that the server wants to
    hear; `max_batch` the most passages that it takes in one request, None for what its style allows.
    """

    url: str = field(repr=False)  # a secret may be in its path
    style: RemoteStyle = "cohere"
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0
    model: str | None = None
    max_batch: int | None = None


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the ranks of a hybrid search become one: by the sum of ``weight / (constant + rank)``.

    The ranks are those by vectors, by words, and by phrasing. Reciprocal rank fusion (Cormack, Clarke and
    Buettcher, SIGIR 2009), with weights, and a smaller constant than theirs: docs/retrieval.md says why.
    """

    constant: int = 3
    dense_weight: float = 0.6
    lexical_weight: float = 0.5
    phrasing_weight: float = 2.0


DEFAULT_FUSION = Fusion()


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """An OpenAI-compatible server that writes answers; `timeout_s` bounds a whole answer."""

    base_url: str = field(repr=False)  # a secret may be in its path
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Equal settings build one service, so this is also a cache key."""

    home: Path = Path(".rag")
    embedder: str = DEFAULT_EMBEDDER
    reranker: str = DEFAULT_RERANKER
    retrieve_k: int = 30
    top_k: int = 10
    threads: int = 1
    preload: bool = True
    max_upload_mb: int = 50
    parse_timeout_s: float = 60.0
    parse_memory_mb: int = 1024
    model_cache: Path = field(default_factory=lambda: Path(DEFAULT_MODEL_CACHE).expanduser())
    allowed_hosts: tuple[str, ...] = LOCAL_HOSTS
    queue: int = 32
    api_key: str | None = field(default=None, repr=False)
    use_onnx_reranker: bool = False
    remote: RemoteSettings | None = None
    retriever: RetrieverChoice = "auto"
    fusion: Fusion = DEFAULT_FUSION
    order: OrderChoice = "auto"
    llm: LlmSettings | None = None

    @property
    def added_hosts(self) -> tuple[str, ...]:
        """The names that this server answers to besides its machine's own."""
        return tuple(host for host in self.allowed_hosts if host not in LOCAL_HOSTS)

    @property
    def prefers_remote(self) -> bool:
        """Whether the remote reranker scores a question that names none; the local one is its fallback."""
        return self.remote is not None and not self.use_onnx_reranker

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Return the settings that `environ` (default: the process's) asks for.

        Raises SettingsError naming the variable, its value and the legal ones.
        """
        env = os.environ if environ is None else environ
        return cls(
            home=folder(env, "RAG_HOME", ".rag"),
            embedder=env.get("RAG_EMBEDDER") or DEFAULT_EMBEDDER,
            reranker=env.get("RAG_RERANKER") or DEFAULT_RERANKER,
            retrieve_k=whole(env, "RAG_RETRIEVE_K", 30, most=MAX_RETRIEVE_K),
            top_k=whole(env, "RAG_TOP_K", 10, most=MAX_RETRIEVE_K),
            threads=whole(env, "RAG_THREADS", usable_cores(), most=256),
            preload=truth(env, "RAG_PRELOAD", True),
            max_upload_mb=whole(env, "RAG_MAX_UPLOAD_MB", 50, most=10_000),
            parse_timeout_s=seconds(env, "RAG_PARSE_TIMEOUT_S", 60.0, most=3600),
            parse_memory_mb=whole(env, "RAG_PARSE_MEMORY_MB", 1024, most=65_536),
            model_cache=folder(env, "RAG_MODEL_CACHE", DEFAULT_MODEL_CACHE),
            allowed_hosts=hosts(env, "RAG_ALLOWED_HOSTS"),
            queue=whole(env, "RAG_QUEUE", 32, most=1000),
            api_key=secret(env, "RAG_API_KEY"),
            use_onnx_reranker=truth(env, "USE_ONNX_RERANKER", False),
            remote=_remote(env),
            retriever=one_of(env, "RAG_RETRIEVER", get_args(RetrieverChoice)),
            fusion=_fusion(env),
            order=one_of(env, "RAG_ORDER", get_args(OrderChoice)),
            llm=_llm(env),
        )


def reranker_choice(name: str | None) -> RerankerChoice:
    """Return what a question asks for by this name of a reranker: both words, None, or any model's id."""
    match name:
        case None:
            return "preferred"
        case "none" | "remote":  # RERANKER_NONE, RERANKER_REMOTE
            return name
        case _:
            return "local"


def present(names: Iterable[str], environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return those of the environment variables `names` that are set and not empty."""
    env = os.environ if environ is None else environ
    return frozenset(name for name in names if env.get(name))


def bare_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a process that reads files: without secrets, and on one thread."""
    env = os.environ if environ is None else environ
    return {name: env[name] for name in _PLAIN if name in env} | _FRUGAL


def forbid_telemetry() -> None:
    """Tell the libraries that this process and its children import to report to nobody."""
    for name in _NO_TELEMETRY:
        os.environ.setdefault(name, "1")


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity, capped by the container's quota.

    The machine's own count is no guide: in a container it is the host's.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _cgroup_cores()
    return max(1, cores if quota is None else min(cores, int(quota)))


def _cgroup_cores() -> float | None:
    """Return the container's CPU quota in cores, None where there is none."""
    try:
        if _CGROUP_V2_QUOTA.exists():
            quota, period = _CGROUP_V2_QUOTA.read_text().split()
        else:
            quota, period = _CGROUP_V1_QUOTA.read_text(), _CGROUP_V1_PERIOD.read_text()
        # Version 2 writes "max" and version 1 writes -1 where nothing limits the group.
        return float(quota) / float(period) if float(quota) > 0 else None
    except (OSError, ValueError):
        return None


def _remote(env: Mapping[str, str]) -> RemoteSettings | None:
    url = address(env, "MODAL_RERANK_URL", "https://gpu.example.com/v2/rerank")
    if not url:
        return None
    return RemoteSettings(
        url,
        one_of(env, "RAG_REMOTE_STYLE", get_args(RemoteStyle)),
        secret(env, "RAG_REMOTE_API_KEY"),
        seconds(env, "RAG_REMOTE_TIMEOUT_S", 30.0, most=600),
        env.get("RAG_REMOTE_MODEL", "").strip() or None,
        whole(env, "RAG_REMOTE_MAX_BATCH", 0, most=MAX_RETRIEVE_K) or None,
    )


def _llm(env: Mapping[str, str]) -> LlmSettings | None:
    url = address(env, "LLM_BASE_URL", "http://127.0.0.1:11434/v1")
    if not url:
        return None
    model = env.get("LLM_MODEL", "").strip()
    if not model:
        raise SettingsError("LLM_MODEL", "", "the name of a model that the server at LLM_BASE_URL has")
    key, timeout_s = secret(env, "LLM_API_KEY"), seconds(env, "LLM_TIMEOUT_S", 60.0, most=600)
    return LlmSettings(url.rstrip("/"), model, key, timeout_s)


def _fusion(env: Mapping[str, str]) -> Fusion:
    constant = whole(env, "RAG_RRF_CONSTANT", DEFAULT_FUSION.constant, most=10_000)
    text = env.get("RAG_RRF_WEIGHTS", "").strip()
    if not text:
        return replace(DEFAULT_FUSION, constant=constant)
    try:
        dense, lexical, phrasing = map(float, text.split(","))
    except ValueError:
        dense = lexical = phrasing = 0.0
    # Which no NaN passes either.
    if not (all(0 <= weight <= 100 for weight in (dense, lexical, phrasing)) and dense + lexical > 0):
        expected = "three numbers from 0 to 100, of vectors, words and phrasing, such as 0.6,0.5,2"
        raise SettingsError("RAG_RRF_WEIGHTS", text, expected)
    return Fusion(constant, dense, lexical, phrasing)
