"""A reranker by itself, without a library to retrieve from."""

from rag.config import Settings
from rag.errors import SettingsError
from rag.models.load import load
from rag.remote.reranker import RemoteReranker
from rag.rerank import Reranker, Scorer
from rag.score_cache import ScoreCache


def local(settings: Settings, scores: ScoreCache | None = None) -> Reranker:
    """Return the local reranker of the settings, in memory; it remembers in `scores`. Raises ModelError."""
    model = load(settings.reranker, "rerank", cache=settings.model_cache, threads=settings.threads)
    return Reranker(model, scores)


def scorer(settings: Settings, *, remote: bool = False) -> Scorer:
    """Return the reranker of the settings, without a cache: the local one, or the remote one.

    Raises ModelError, or SettingsError where no remote one is set up.
    """
    if not remote:
        return local(settings)
    if settings.remote is None:
        raise SettingsError("MODAL_RERANK_URL", "", "the address of a remote reranker")
    return RemoteReranker(settings.remote)
