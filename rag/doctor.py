"""Examine an installation: what is here, what will survive, what to do."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from rag.amounts import bytes_in_words, counted
from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER, Settings, usable_cores
from rag.errors import ModelError
from rag.gate import slots_for
from rag.machine.capacity import (
    BASE_BYTES,
    WORKING_BYTES_PER_THREAD,
    estimated_need,
    loaded_bytes,
    memory_left,
)
from rag.machine.findings import Finding
from rag.machine.packages import BAKE, exporting_finding, missing_for_export, serving_findings
from rag.machine.places import Place, look
from rag.machine.system import System
from rag.machine.temporary import temporary_finding
from rag.models.cache import InstalledModel, locate
from rag.models.manifest import Task
from rag.remote.server import host_of

try:
    from rag.library.stored import stored_findings
except ImportError:  # numpy is missing, as the packages' findings say

    def stored_findings(path: Path, model_cache: Path) -> tuple[Finding, ...]:
        """Return that the library was not opened."""
        return (Finding("library", "warn", f"{path} was not opened: a package for that is missing."),)


_DEFAULTS: dict[Task, str] = {"embed": DEFAULT_EMBEDDER, "rerank": DEFAULT_RERANKER}
_OLDEST_PYTHON = (3, 11)
# It needs no library, and no model on this machine.
_TRY_REMOTE = (
    f'echo \'{{"id": 1, "text": "x"}}\' | {sys.executable} -m rag rerank --reranker remote --query x'
)
CACHE_ROOM_BYTES = 2_000_000_000
LIBRARY_ROOM_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class _Use:
    """What was found about a chosen model, and the one in use: it, the default in its place, or None."""

    finding: Finding
    model: InstalledModel | None


def examine(settings: Settings, system: System | None = None) -> tuple[Finding, ...]:
    """Return what is found about this installation under `settings`, topic after topic.

    `system` is where it runs (default: here). Nothing is loaded, fetched or exported; files that are whole
    are remembered as such, and an existing library is brought up to this release.
    """
    system, missing = system or System.here(), missing_for_export()
    bake = BAKE if missing and system.contained else ""
    uses = [
        _use("embedder", settings.embedder, "embed", settings.model_cache, bake),
        _use("reranker", settings.reranker, "rerank", settings.model_cache, bake),
    ]
    models = [use.model for use in uses if use.model]
    return (
        _python_finding(),
        *serving_findings(),
        exporting_finding(missing, contained=system.contained),
        *(use.finding for use in uses),
        _remote_finding(settings),
        _llm_finding(settings),
        *_cache_findings(look(settings.model_cache, system), models),
        *_library_findings(look(settings.home, system), settings.model_cache),
        temporary_finding(settings.home),
        _preload_finding(settings),
        _memory_finding(settings, models),
        _threads_finding(settings, usable_cores()),
        _queue_finding(settings),
        _key_finding(settings),
    )


def _python_finding() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _OLDEST_PYTHON:
        return Finding("python", "ok", f"Python {version} at {sys.executable}.")
    sentence = f"Python {version} at {sys.executable} is too old: 3.11 is the oldest that works."
    return Finding("python", "fail", sentence, "Install Python 3.11 or newer, and start with that one.")


def _use(topic: str, chosen: str, task: Task, cache: Path, bake: str) -> _Use:
    model = _located(chosen, task, cache)
    if isinstance(model, InstalledModel):
        sentence = f"{model.id}: {bytes_in_words(model.size_bytes)}, complete, in {model.folder}."
        return _Use(Finding(topic, "ok", sentence), model)
    default = _located(_DEFAULTS[task], task, cache)
    if isinstance(default, InstalledModel):
        meanwhile = f"{bake} Until then {default.id} stands in for it, and every answer says so.".strip()
        return _Use(Finding(topic, "fail", str(model), meanwhile), default)
    nothing = "Nothing can stand in for it: the server does not start."
    return _Use(Finding(topic, "fail", str(model), nothing), None)


def _located(reference: str, task: Task, cache: Path) -> InstalledModel | ModelError:
    try:
        return locate(reference, task, cache)
    except ModelError as exc:
        return exc


def _remote_finding(settings: Settings) -> Finding:
    topic, remote = "remote reranker", settings.remote
    if remote is None:
        return Finding(topic, "ok", "None is set up: MODAL_RERANK_URL is not set.")
    host = host_of(remote.url)
    whose = (
        f"Questions will go there first, for {remote.timeout_s:g} s at most; where it fails, the local one "
        "takes its place."
        if settings.prefers_remote
        else "Only questions that name it will go there, for USE_ONNX_RERANKER is true."
    )
    named = f"{remote.model or 'remote'} at {host} is set up, in the style {remote.style}. {whose}"
    if remote.api_key and _is_open(remote.url):
        sentence = f"{named} Its key and every passage go there unencrypted, over http."
        return Finding(topic, "warn", sentence, "Give MODAL_RERANK_URL an address that begins with https.")
    return Finding(topic, "ok", f"{named} This check sends it nothing.", f"To try it: {_TRY_REMOTE}")


def _llm_finding(settings: Settings) -> Finding:
    topic, llm = "language model", settings.llm
    if llm is None:
        return Finding(topic, "ok", "None is set up, so answers are quoted: LLM_BASE_URL is not set.")
    named = (
        f"{llm.model} at {host_of(llm.base_url)} writes answers where they are asked for, each within "
        f"{llm.timeout_s:g} s; it is sent the question and the best passages."
    )
    if llm.api_key and _is_open(llm.base_url):
        sentence = f"{named} They go there unencrypted, and so does its key, over http."
        return Finding(topic, "warn", sentence, "Give LLM_BASE_URL an address that begins with https.")
    return Finding(topic, "ok", f"{named} This check sends it nothing.")


def _is_open(address: str) -> bool:
    """Return whether what goes to `address` can be read on its way: it leaves this machine, over http."""
    url = urlsplit(address)
    host = url.hostname or ""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return url.scheme == "http" and not is_here


def _cache_findings(place: Place, models: Sequence[InstalledModel]) -> tuple[Finding, ...]:
    topic = "model cache"
    inside = [model.id for model in models if model.folder.resolve().is_relative_to(place.path)]
    used = f" In use from there: {', '.join(inside)}." if inside else ""
    bake = "Bake the models into the image: docs/deploy.md."
    # A volume over the cache would hide the image's own models, and in a container nothing exports.
    remedy = f"{place.remedy} {bake}" if place.kind == "memory" else bake
    found = [_place_finding(topic, place, used, remedy)]
    if place.kind == "image":
        return tuple(found)
    if not place.writable:
        sentence = f"This process may not write to {place.examined}, so it can export no model."
        found.append(Finding(topic, "warn", sentence, "Set RAG_MODEL_CACHE to a folder it may write to."))
    elif (place.free_bytes or 0) < CACHE_ROOM_BYTES and place.free_bytes is not None:
        found.append(_room_finding(topic, place, CACHE_ROOM_BYTES))
    return tuple(found)


def _library_findings(place: Place, model_cache: Path) -> tuple[Finding, ...]:
    topic = "library"
    if not place.writable:
        sentence = (
            f"The library cannot be kept in {place.path}: this process may not write to {place.examined}."
        )
        remedy = "Set RAG_HOME to a folder that it may write to, or give its user that right."
        return (Finding(topic, "fail", sentence, remedy),)
    found = [_place_finding(topic, place)]
    if place.free_bytes is not None and place.free_bytes < LIBRARY_ROOM_BYTES:
        found.append(_room_finding(topic, place, LIBRARY_ROOM_BYTES))
    path = place.path / "library.db"
    if path.exists():
        return (*found, *stored_findings(path, model_cache))
    return (*found, Finding(topic, "ok", "There is no library yet: the first start makes it."))


def _place_finding(topic: str, place: Place, used: str = "", remedy: str = "") -> Finding:
    has_room = place.writable and place.free_bytes is not None
    room = f" {bytes_in_words(place.free_bytes or 0)} free." if has_room else ""
    sentence = place.sentence + used + room
    if place.survives in ("restart", "nothing"):
        return Finding(topic, "warn", sentence, remedy or place.remedy)
    return Finding(topic, "ok", sentence, place.remedy)


def _room_finding(topic: str, place: Place, wanted: int) -> Finding:
    free = bytes_in_words(place.free_bytes or 0)
    sentence = f"Only {free} are free at {place.examined}; {bytes_in_words(wanted)} are wise."
    return Finding(topic, "warn", sentence, "Make room, or use a larger disk.")


def _preload_finding(settings: Settings) -> Finding:
    if settings.preload:
        return Finding("preload", "ok", "The models are loaded and warm before the first answer.")
    sentence = "The first question will wait until the models are loaded: RAG_PRELOAD is false."
    return Finding("preload", "warn", sentence, "Unset RAG_PRELOAD, or set it to true.")


def _memory_finding(settings: Settings, models: Sequence[InstalledModel]) -> Finding:
    loaded = [_loaded_bytes(model) for model in models]
    need, left = estimated_need(loaded, threads=settings.threads), memory_left()
    parts = f"{bytes_in_words(BASE_BYTES)} for the server, {bytes_in_words(sum(loaded))} for the models, "
    parts += f"and for each of {settings.threads} threads {bytes_in_words(WORKING_BYTES_PER_THREAD)}"
    estimate = f"Serving wants at most about {bytes_in_words(need)} (an estimate: {parts})"
    if left is None:
        return Finding("memory", "ok", f"{estimate}; this system does not say how much is left.")
    if need <= left:
        return Finding("memory", "ok", f"{estimate}; {bytes_in_words(left)} are left.")
    remedy = "Give it more memory, choose a smaller model, or set RAG_THREADS lower."
    return Finding("memory", "warn", f"{estimate}, and only {bytes_in_words(left)} are left.", remedy)


def _loaded_bytes(model: InstalledModel) -> int:
    graph, tokenizer = model.graph.stat().st_size, model.tokenizer.stat().st_size
    return loaded_bytes(graph=graph, mapped=model.size_bytes - graph - tokenizer, tokenizer=tokenizer)


def _threads_finding(settings: Settings, cores: int) -> Finding:
    if settings.threads <= cores:
        return Finding("threads", "ok", f"{settings.threads} of {cores} usable cores.")
    sentence = f"RAG_THREADS is {settings.threads}, but this process may use only {cores} cores."
    return Finding("threads", "warn", sentence, f"Unset RAG_THREADS, or set it to {cores} at most.")


def _queue_finding(settings: Settings) -> Finding:
    slots = slots_for(settings.threads)
    sentence = f"{counted(slots, 'question')} at a time; at most {settings.queue} more may wait (RAG_QUEUE)."
    return Finding("queue", "ok", sentence)


def _key_finding(settings: Settings) -> Finding:
    topic, added = "API key", ", ".join(settings.added_hosts)
    if settings.api_key:
        return Finding(topic, "ok", "The HTTP routes want the key in RAG_API_KEY. The page wants none.")
    if added:
        sentence = (
            f"RAG_ALLOWED_HOSTS adds {added}, and RAG_API_KEY is not set: who reaches it may do anything."
        )
        remedy = "Set RAG_API_KEY for the HTTP routes. The page needs a proxy with a password before it."
        return Finding(topic, "warn", sentence, remedy)
    return Finding(topic, "ok", "The HTTP routes want no key, and answer to this machine's own names only.")
