"""Bring a model of this machine into memory."""

import logging
import time
from pathlib import Path

from rag.models.cache import locate
from rag.models.manifest import Task
from rag.models.session import OnnxModel

_log = logging.getLogger(__name__)


def load(reference: str, task: Task, *, cache: Path, threads: int) -> OnnxModel:
    """Return the model that `reference` names, its files verified, in memory.

    Asks no hub and exports nothing. Raises ModelError, which says what to do.
    """
    began = time.perf_counter()
    installed = locate(reference, task, cache)
    model = OnnxModel(installed, threads=threads)
    seconds = time.perf_counter() - began
    _log.info("Loaded %s from %s in %.2f s", installed.id, installed.folder, seconds)
    return model
