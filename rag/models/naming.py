"""What models are called: in settings, and as folders of the cache."""

import hashlib
import os
from pathlib import Path

from rag.models.manifest import FORMS, Quantization

_BY_FORM = {form: quantization for quantization, form in FORMS.items()}


def model_id(source: str) -> str:
    """Return the id of the model at `source`: itself, or a name of its own for a local folder."""
    folder = local_folder(source)
    if folder is None:
        return source
    # Two folders called "model" are two models.
    name = os.fsencode(folder.name).decode("utf-8", "replace").lstrip(".")
    return f"{name or 'model'}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def local_folder(source: str) -> Path | None:
    """Return the folder that `source` names, resolved; None where it names none."""
    try:
        path = Path(source).expanduser()
        return path.resolve() if source.strip() and is_folder(path) else None
    except (OSError, RuntimeError):  # no such user's home, a loop of links
        return None


def folder_name(name: str, quantization: Quantization) -> str:
    """Return what the folder of a model is called in the cache."""
    return name.replace("/", "_") + ("" if quantization == "int8" else f"-{FORMS[quantization]}")


def split_form(reference: str) -> tuple[str, Quantization | None]:
    """Return what `reference` names, and which form of it; None where it does not say."""
    source, _, form = reference.rpartition("@")
    return (source, _BY_FORM[form]) if form in _BY_FORM else (reference, None)


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; what cannot be one is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long, say
        return False
