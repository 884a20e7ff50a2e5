"""Export a model once: whole or not at all, and never twice.

The work is done by processes of their own (rag.models.export), so that PyTorch's memory is gone when
they end and whoever asks never imports it.
"""

import errno
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.errors import ExportError, ModelError
from rag.models import manifest as manifests
from rag.models import turns
from rag.models.cache import InstalledModel, check, exported
from rag.models.catalog import entry
from rag.models.exporter import Exporter, require_packages
from rag.models.manifest import Manifest, Quantization, Task, variant
from rag.models.naming import folder_name, local_folder, model_id
from rag.models.progress import Progress

# Of a local folder, what an export reads.
_SOURCES = (".json", ".safetensors", ".bin", ".model", ".txt", ".py")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: `source` is an id of the hub or a local folder.

    `task` None: what the model's own files say it is for. `remote_code` allows Python code that the
    model's authors publish with it to run on this machine.
    """

    source: str
    task: Task | None = None
    quantization: Quantization = "int8"
    revision: str | None = None
    remote_code: bool = False

    @property
    def id(self) -> str:
        """What the exported model will be called, without its quantization."""
        return model_id(self.source)

    @property
    def name(self) -> str:
        """What it will be called in settings."""
        return variant(self.id, self.quantization)

    def target(self, cache: Path) -> Path:
        """Return the folder in `cache` that the exported model will have."""
        return cache / folder_name(self.id, self.quantization)


@dataclass(frozen=True, slots=True)
class Exported:
    """The model, and whether this call made it; `seconds` it took to make, or else to have."""

    model: InstalledModel
    made: bool
    seconds: float


OnProgress = Callable[[Progress], None]


def export(request: ExportRequest, cache: Path, on_progress: OnProgress) -> Exported:
    """Return the model that `request` asks for, exported into `cache` unless it is there already.

    A call that finds another one exporting the same model waits for it, whatever process it runs in,
    and says so through `on_progress`. Whatever happens, also a kill, the cache holds the whole model
    or nothing of it.

    Raises ExportError when the model cannot be exported, CorruptModelError when it is there but not
    as its manifest says (it is never made again without being asked), ModelError when what is there is
    another revision than the one asked for.
    """
    began = time.perf_counter()
    folder = local_folder(request.source)
    if folder is None:
        _refuse_path(request.source)
    else:
        _refuse_no_model(folder)
    target = request.target(cache)
    made = False
    with _disk_errors(target):
        if not target.exists():  # it appears whole, so only who makes it waits for a turn
            with turns.turn(target, on_progress):
                made = not target.exists()
                if made:
                    began = time.perf_counter()
                    _make(request, _revision(request), target, on_progress)
        model = exported(target)
        if model.manifest and not made:
            _refuse_another(request, _revision(request), model.manifest, target)
        check(model)
    return Exported(model, made, time.perf_counter() - began)


def _refuse_no_model(folder: Path) -> None:
    """Refuse a folder that holds no model, before all of it is read."""
    if not any((folder / name).is_file() for name in ("config.json", "modules.json")):
        raise ExportError(
            f"{folder} is not a model: expected a config.json, weights and a tokenizer in it, found no "
            "config.json.",
            model_id=str(folder),
        )


def _revision(request: ExportRequest) -> str | None:
    folder = local_folder(request.source)
    return _digest(folder) if folder else request.revision


def _refuse_path(source: str) -> None:
    """Refuse what can only be meant as a folder, before a hub is asked for it."""
    if source.startswith(("/", ".", "~")) or source.count("/") > 1 or not source.strip():
        raise ExportError(
            f"There is no folder {source!r}. Expected a folder with a model (config.json, weights, "
            "tokenizer), or an id of the Hugging Face hub such as BAAI/bge-reranker-base.",
            model_id=source,
        )


def _make(request: ExportRequest, revision: str | None, target: Path, on_progress: OnProgress) -> None:
    require_packages(request.source)
    turns.clear(target)
    growing = turns.partial(target, uuid.uuid4().hex[:12])

    def report(progress: Progress) -> None:
        turns.announce(target, progress)
        on_progress(progress)

    try:
        growing.mkdir()
        _build(request, revision, growing, Exporter(request.source, growing, report))
        _publish(growing, target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
        turns.withdraw(target)


def _build(request: ExportRequest, revision: str | None, growing: Path, exporter: Exporter) -> None:
    """Make the model in the folder `growing`, complete with its manifest."""
    asked = _asked(request, revision)
    made = exporter.run(asked)
    del made["folder"]
    exporter.enter("write")
    files = manifests.facts(growing)
    fields = {
        **made,
        "id": request.id,
        "source": asked["source"],
        "quantization": request.quantization,
        "files": {name: asdict(facts) for name, facts in files.items()},
        "seconds": exporter.seconds(),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": manifests.FORMAT,
    }
    if revision and not asked["local"]:
        fields["settings"]["revision_asked"] = revision
    manifests.write(manifests.from_fields(fields), growing)


def _asked(request: ExportRequest, revision: str | None) -> dict[str, Any]:
    """Return the request as the export's processes want it, with what the catalogue adds."""
    folder = local_folder(request.source)
    known = entry(request.source)
    return {
        "source": str(folder or request.source),
        "local": folder is not None,
        "revision": revision,
        "task": request.task or (known.task if known else None),
        "quantization": request.quantization,
        "remote_code": request.remote_code,
        "known": known is not None,
        "query_prefix": known.query_prefix if known else "",
        "passage_prefix": known.passage_prefix if known else "",
        "licence": known.licence if known else None,
        "languages": known.languages if known else (),
    }


def _publish(growing: Path, target: Path) -> None:
    """Let `growing` become `target`, in one step that a power cut cannot halve."""
    for path in growing.iterdir():
        _sync(path)
    _sync(growing)
    growing.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(folder: Path) -> str:
    """Return a name for what `folder` holds now: it changes when a file of the model does."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SOURCES and path.is_file():
            with path.open("rb") as stream:
                one = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(os.fsencode(path.relative_to(folder)) + f" {one}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _refuse_another(request: ExportRequest, revision: str | None, found: Manifest, target: Path) -> None:
    """Refuse a model in the cache that is not the one asked for: another id, task or revision."""
    if found.id != request.id:
        what = f"another model, {found.id}"
    elif request.task and found.task != request.task:
        what = f"this model as one that can {found.task}, not {request.task}"
    elif revision and revision not in (found.revision, found.settings.get("revision_asked")):
        what = f"revision {found.revision} of this model; asked for was {revision}"
    else:
        return
    raise ModelError(
        f"{target} holds {what}. A model is never exported over another: to replace it, delete that folder "
        "and export again; to keep both, set RAG_MODEL_CACHE to another folder.",
        model_id=found.name,
    )


@contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    """Turn what the disk refuses into a sentence that says what to do."""
    try:
        yield
    except OSError as exc:
        what = {
            **dict.fromkeys(_NO_ROOM, "Set RAG_MODEL_CACHE to a folder on a larger disk."),
            errno.ENAMETOOLONG: "Rename the model's folder: its name is too long.",
        }.get(exc.errno or 0, "Set RAG_MODEL_CACHE to a folder that this process may write to.")
        raise ExportError(
            f"{target.name[:80]} cannot be written into {target.parent}: {exc.strerror or exc}. {what} "
            "Nothing was kept.",
            model_id=target.name,
        ) from exc
