"""The first step: have the original model's files, a local folder's or the hub's."""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]
from yaml import YAMLError

from rag.errors import ExportError
from rag.models.export import consent
from rag.models.manifest import Task
from rag.models.progress import repeated

_LONGEST_HEADER = 100_000_000  # bytes, of a safetensors file, by its format
# The export writes the weights once, quantization once more, with a copy between.
_ROOM = 2.5
_REFUSALS = (RepositoryNotFoundError, RevisionNotFoundError, GatedRepoError)
# Repositories hold their weights several times over, for other frameworks; these files are enough.
_WANTED = ("*.json", "*.txt", "*.model", "tokenizer*", "README.md")
_FILES_OF = {
    "weights": ("*.safetensors", "*.bin"),
    "tokenizer": ("tokenizer.json", "vocab.txt", "vocab.json", "*.model"),
}
_UNWANTED = ("onnx/*", "openvino/*", "*.onnx*", "*.msgpack", "*.h5")

# What the errors of a network say somewhere, and what that means.
_SILENCES = {
    "resolve": "its name cannot be looked up",
    "refused": "the connection was refused",
    "timed out": "it took too long",
    "unreachable": "there is no way to it",
    "offline": "HF_HUB_OFFLINE is set",
}


def run(request: Mapping[str, Any], growing: Path, say: Callable[..., None]) -> dict[str, Any]:
    """Bring the original that `request` names to this machine; return the manifest's first fields.

    `folder` among them is where it lies. Raises ExportError, its message for the person who asked.
    """
    name = str(request["source"])
    if request["local"]:
        folder, revision = Path(name), str(request["revision"])
    else:
        folder, revision = _from_hub(name, request, say)
    say(weights_gb=weights_bytes(folder) / 1e9)
    config = _config(folder, name)
    if not request["remote_code"]:
        consent.refuse_code(folder, name)
    _refuse_incomplete(folder, name)
    _refuse_full_disk(folder, growing, name)
    licence, languages = _card(folder)
    return {
        "folder": str(folder),
        "revision": revision,
        "task": _task(folder, config, name, request["task"]),
        "licence": request["licence"] or licence,
        "languages": list(request["languages"] or languages),
    }


def _refuse_incomplete(folder: Path, name: str) -> None:
    for what, patterns in _FILES_OF.items():
        if not any(True for pattern in patterns for _ in folder.rglob(pattern)):
            raise _not_a_model(folder, name, f"no {what} ({', '.join(patterns)})")


def _not_a_model(folder: Path, name: str, found: str) -> ExportError:
    return ExportError(
        f"{name} is not a model: expected a config.json, weights and a tokenizer in {folder}, found {found}.",
        model_id=name,
    )


def _task(folder: Path, config: Mapping[str, Any], name: str, asked: Task | None) -> Task:
    """Return what the model is for by its own files. Raises ExportError where that is neither task."""
    classes = [str(c) for c in config.get("architectures") or ()]
    if (folder / "modules.json").exists() and not _is_cross_encoder(folder):
        found: Task | None = "embed"
    elif any(c.endswith("ForSequenceClassification") for c in classes):
        found = "rerank"
    else:
        found = None
    if found is None or asked not in (None, found):
        wanted = {
            "rerank": "a cross-encoder (an architecture …ForSequenceClassification)",
            "embed": "an embedder of sentence-transformers (with a modules.json)",
            None: "a cross-encoder (an architecture …ForSequenceClassification), or an embedder of "
            "sentence-transformers (with a modules.json)",
        }[asked]
        what = {"rerank": "a cross-encoder", "embed": "an embedder", None: "neither"}[found]
        raise ExportError(
            f"{name} is not what can be used here: expected {wanted}, found {what} "
            f"({', '.join(classes) or 'no architecture'}). Choose another model: python -m rag models list",
            model_id=name,
        )
    return found


def weights_bytes(folder: Path) -> int:
    """Return the size that the weights in `folder` have in fp32, in which they are exported."""
    places = (folder, *folder.glob("0_*"))  # an embedder may keep its transformer in a folder of its own
    files = [path for place in places for path in place.glob("*.safetensors")]
    if files:
        return sum(map(_fp32_bytes, files))
    return sum(path.stat().st_size for place in places for path in place.glob("*.bin"))


def _fp32_bytes(file: Path) -> int:
    """Return how large the tensors of a safetensors file are in fp32: its header has their shapes."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, _LONGEST_HEADER)))
        return sum(4 * math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return file.stat().st_size  # loading it will say what is wrong


def _refuse_full_disk(folder: Path, growing: Path, name: str) -> None:
    needed, free = weights_bytes(folder) * _ROOM, shutil.disk_usage(growing).free
    if free < needed:
        raise ExportError(
            f"Exporting {name} needs about {needed / 1e6:,.0f} MB of room in {growing.parent}, of which "
            f"{free / 1e6:,.0f} MB are free. Free some, or set RAG_MODEL_CACHE to a folder on a larger disk.",
            model_id=name,
        )


def _from_hub(name: str, request: Mapping[str, Any], say: Callable[..., None]) -> tuple[Path, str]:
    revision = request["revision"]
    try:
        return _folder(_snapshot(name, revision, say, code=request["remote_code"]))
    except GatedRepoError as exc:
        message = (
            f"{name} is only given to those who accepted its terms: do so on its page of the Hugging Face "
            "hub, then log in with `hf auth login` and export again."
        )
        raise ExportError(message, model_id=name) from exc
    except RevisionNotFoundError as exc:
        raise ExportError(
            f"{name} has no revision {revision!r} on the Hugging Face hub.", model_id=name
        ) from exc
    except (RepositoryNotFoundError, HFValidationError) as exc:
        raise ExportError(
            f"There is no model {name!r}: not on the Hugging Face hub (or not for this login), and no such "
            "folder here. Expected an id such as BAAI/bge-reranker-base, or the path of a folder.",
            model_id=name,
        ) from exc
    except (LocalEntryNotFoundError, ConnectionError, OSError, HfHubHTTPError) as exc:
        if _is_of_the_disk(exc):
            raise ExportError(
                f"{name} could not be fetched, because its files cannot be written: {_short(exc)}. Set "
                "HF_HOME to a folder that this process may write to, on a disk with room.",
                model_id=name,
            ) from exc
        raise ExportError(
            f"{name} could not be fetched, because the Hugging Face hub does not answer ({_silence(exc)}) "
            "and no earlier download is here. Connect this machine, or fetch the model on another one and "
            "export the folder.",
            model_id=name,
        ) from exc


def _snapshot(name: str, revision: str | None, say: Callable[..., None], *, code: bool) -> str:
    try:
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
    except (HfHubHTTPError, ConnectionError, OSError) as exc:
        # No network: what an earlier download left is as good.
        if not isinstance(exc, _REFUSALS):
            with suppress(LocalEntryNotFoundError):
                return snapshot_download(name, revision=revision, local_files_only=True)
        raise
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    weights = ".safetensors" if any(_is_weights(file, ".safetensors") for file in sizes) else ".bin"
    allowed, ignored = [*_WANTED, f"*{weights}", *(["*.py"] if code else [])], [*_UNWANTED]
    wanted = filter_repo_objects(sizes, allow_patterns=allowed, ignore_patterns=ignored)
    say(weights_gb=sum(size for file, size in sizes.items() if _is_weights(file, weights)) / 1e9)
    total = sum(sizes[file] for file in wanted)
    with repeated(partial(_tell_arrived, name, total, say)):
        return snapshot_download(name, revision=info.sha, allow_patterns=allowed, ignore_patterns=ignored)


def _tell_arrived(name: str, total: int, say: Callable[..., None]) -> None:
    """Say which share of the `total` bytes of `name` has arrived."""
    blobs = Path(HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "blobs"
    with suppress(OSError):  # a file has just got its name
        arrived = sum(path.stat().st_size for path in blobs.glob("*"))
        say(fraction=min(1.0, arrived / max(1, total)))


def _is_of_the_disk(exc: BaseException) -> bool:
    # The network's errors are OSErrors, too, but have no number, or a class of their own.
    return getattr(exc, "errno", None) is not None and not isinstance(exc, ConnectionError | TimeoutError)


def _is_weights(file: str, suffix: str) -> bool:
    return file.endswith(suffix) and ("/" not in file or file.startswith("0_"))


def _folder(snapshot: str) -> tuple[Path, str]:
    path = Path(snapshot)
    return path, path.name  # a snapshot's folder is called as its commit


def _config(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        # An embedder may keep its transformer in a folder of its own.
        inner = folder / "0_Transformer" / "config.json"
        config = json.loads(inner.read_text(encoding="utf-8")) if inner.exists() else None
    except (OSError, ValueError) as exc:
        raise ExportError(f"{folder / 'config.json'} cannot be read: {exc}.", model_id=name) from exc
    if not isinstance(config, dict):
        raise _not_a_model(folder, name, "no config.json")
    return config


def _is_cross_encoder(folder: Path) -> bool:
    try:
        facts = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("model_type") == "CrossEncoder"


def _card(folder: Path) -> tuple[str | None, tuple[str, ...]]:
    """Return the licence and the languages that the model's card states, as far as it can be read."""
    try:
        data = ModelCard.load(folder / "README.md").data
    except (OSError, ValueError, YAMLError):
        return None, ()
    licence = ", ".join(_texts(data.license)) or None
    return licence, _texts(data.language)


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(one) for one in values if one)


def _short(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:300]


def _silence(exc: BaseException) -> str:
    """Return why the hub does not answer, without the layers of the libraries that asked it."""
    text = str(exc).lower()
    for sign, words in _SILENCES.items():
        if sign in text:
            return words
    return f"{type(exc).__name__}: {_short(exc)}"
