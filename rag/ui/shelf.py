"""What lies on this machine, sorted for the page."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rag.errors import CorruptModelError, ModelError
from rag.models import turns
from rag.models.cache import InstalledModel, find, installed
from rag.models.catalog import CATALOG, CatalogEntry
from rag.models.manifest import FORMS, Quantization
from rag.service import Service


@dataclass(frozen=True, slots=True)
class Shelf:
    """The models of this machine, no two of one id.

    `broken` are folders of the cache that cannot be used, each with a sentence that says why and what to
    do; `underway` are the folders that exports, by whatever process, are about to make.
    """

    models: tuple[InstalledModel, ...]
    broken: tuple[tuple[str, str], ...]
    underway: tuple[Path, ...]

    def variants(self, model_id: str) -> tuple[InstalledModel, ...]:
        """Return the forms of a model that are here: packaged, int8, fp32."""
        return tuple(model for model in self.models if base_id(model) == model_id)

    def missing(self, entry: CatalogEntry) -> tuple[Quantization, ...]:
        """Return in which forms a model could still be exported; a packaged one is here as it is."""
        if entry.packaged:
            return ()
        here = {model.manifest.quantization for model in self.variants(entry.id) if model.manifest}
        return tuple(form for form in FORMS if form not in here)

    def others(self) -> tuple[InstalledModel, ...]:
        """Return the models that are not in the catalogue."""
        known = {entry.id for entry in CATALOG}
        return tuple(model for model in self.models if base_id(model) not in known)

    def with_fingerprint(self, sha256: str) -> InstalledModel | None:
        """Return the very model that a result or a collection names, None when it is not here."""
        return next((model for model in self.models if model.sha256 == sha256), None)


def look_at(cache: Path) -> Shelf:
    """Return what lies in `cache` and among the installed packages now."""
    models, broken = [], []
    for found in installed(cache):
        if isinstance(found, CorruptModelError):
            broken.append((found.path.parent.name, str(found)))
        else:
            models.append(found)
    growing = {turns.target_of(path) for path in cache.glob(f".*{turns.PARTIAL}")}
    underway = sorted(target for target in growing if turns.underway(target))
    return Shelf(tuple(models), tuple(broken), tuple(underway))


def why_unsearchable(service: Service, collection: str) -> tuple[str, ...]:
    """Return a sentence where the embedder of `collection` is not on this machine, nothing where it is.

    Nothing is loaded, and no weights are read.
    """
    ref = service.library.embedder_ref(collection)
    if ref is None or ref.sha256 == service.embedder.info.sha256:
        return ()
    because, remedy = f"its embedder {ref.id} is not on this machine", "Export it, or give"
    with suppress(ModelError):
        if find(ref.id, service.settings.model_cache, "embed").sha256 == ref.sha256:
            return ()
        because, remedy = f"the embedder {ref.id} on this machine is not the one that it had", "Give"
    if service.library.is_current(collection):  # its embedder is in memory still
        return ()
    return (
        f"This collection cannot be searched or added to: {because}. "
        f"{remedy} the collection another one, on the Models page.",
    )


def base_id(model: InstalledModel) -> str:
    """Return the model's id, whatever its quantization."""
    return model.manifest.id if model.manifest else model.id
