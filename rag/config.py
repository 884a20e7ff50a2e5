"""The settings, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SettingsError

DEFAULT_EMBEDDER = "BAAI/bge-small-en-v1.5"
DEFAULT_RERANKER = "cross-encoder/ms-marco-MiniLM-L-12-v2"
MAX_RETRIEVE_K = 1000
DEFAULT_COLLECTION = "default"

_CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


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

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Return the settings that `environ` (default: the process's) asks for.

        Raises SettingsError naming the variable, its value and the legal ones.
        """
        env = os.environ if environ is None else environ
        return cls(
            home=_folder(env, "RAG_HOME", ".rag"),
            embedder=env.get("RAG_EMBEDDER") or DEFAULT_EMBEDDER,
            reranker=env.get("RAG_RERANKER") or DEFAULT_RERANKER,
            retrieve_k=_whole(env, "RAG_RETRIEVE_K", 30, most=MAX_RETRIEVE_K),
            top_k=_whole(env, "RAG_TOP_K", 10, most=MAX_RETRIEVE_K),
            threads=_whole(env, "RAG_THREADS", usable_cores(), most=256),
            preload=_truth(env, "RAG_PRELOAD", True),
            max_upload_mb=_whole(env, "RAG_MAX_UPLOAD_MB", 50, most=10_000),
        )


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


def _folder(env: Mapping[str, str], name: str, default: str) -> Path:
    text = env.get(name) or default
    try:
        return Path(text).expanduser()
    except RuntimeError as exc:
        raise SettingsError(name, text, "a folder; there is no such user's home") from exc


def _whole(env: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    # Python refuses to read thousands of digits as a number, so their count is looked at first.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise SettingsError(name, text, f"a whole number from 1 to {most}")
    return int(text)


def _truth(env: Mapping[str, str], name: str, default: bool) -> bool:
    text = env.get(name, "").strip().lower()
    if not text:
        return default
    if text not in ("true", "false", "1", "0", "yes", "no"):
        raise SettingsError(name, text, "true or false")
    return text in ("true", "1", "yes")
