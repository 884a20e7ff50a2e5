"""What the folder of an exported model says of itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from rag.errors import CorruptModelError
from rag.models.fits import misfit

MANIFEST = "manifest.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
FORMAT = 1

_MOST_TOKENS, _MOST_LABELS = 1_000_000, 10_000

Task = Literal["embed", "rerank"]
Pooling = Literal["cls", "mean", "last"]
Quantization = Literal["int8", "none"]
# What the kinds of weights are called, where a name must say it.
FORMS: Mapping[Quantization, str] = {"int8": "int8", "none": "fp32"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model wants to be read, as its authors' files say.

    `max_tokens` counts special tokens too. Of an embedder: `query_prefix` goes before a question,
    `passage_prefix` before a passage, `pooling` makes one vector of the tokens' (always scaled to unit
    length here, because the retriever compares by cosine). Of a reranker: the graph gives one logit
    for each of `labels`, and the one at `relevant_label` says "relevant".
    """

    max_tokens: int
    query_prefix: str = ""
    passage_prefix: str = ""
    pooling: Pooling = "cls"
    labels: int = 1
    relevant_label: int = 0


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file must be."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Parity:
    """How the exported model's numbers compare with the original's in PyTorch fp32, on fixed texts.

    `fp32_difference` is the largest difference of the unquantized graph: of a logit, or of 1 - cosine
    for an embedder. `drift` is the same for the graph that is kept. `spread` is the original's largest
    less its least score. `agreement` is the share of clearly ordered passage pairs (`clear_pairs` of
    them) whose order was kept; None where the original tells no two passages clearly apart.
    """

    reference: str
    texts: int
    fp32_difference: float
    drift: float
    spread: float
    clear_pairs: int
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where an exported model came from, what its files must be, and how true it is to its original.

    `revision` is the hub's commit, or for a local folder "sha256:…" of its files. `notes` are
    sentences that whoever chooses the model should read. `settings` are further values of the model's
    own files that change nothing here. `seconds` are the export's phases.
    """

    id: str
    task: Task
    source: str
    revision: str
    quantization: Quantization
    opset: int
    reading: Reading
    files: Mapping[str, FileFacts]
    parity: Parity
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    created_at: str
    licence: str | None = None
    languages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def fingerprint(self) -> str:
        """The sha256 that stands for everything a score or vector depends on: all files, and the reading.

        The graph's own would not do: a larger one lies apart from its weights.
        """
        files = {name: facts.sha256 for name, facts in sorted(self.files.items())}
        return hashlib.sha256(_canonical({"files": files, "reading": asdict(self.reading)})).hexdigest()

    @property
    def size_bytes(self) -> int:
        """How large all files are together."""
        return sum(facts.size_bytes for facts in self.files.values())

    @property
    def name(self) -> str:
        """The model's name for settings and people."""
        return variant(self.id, self.quantization)


def variant(model_id: str, quantization: Quantization) -> str:
    """Return what a model with these weights is called: its id, and "@fp32" where it is not quantized."""
    return model_id if quantization == "int8" else f"{model_id}@{FORMS[quantization]}"


def write(manifest: Manifest, folder: Path) -> None:
    """Write `manifest` into `folder`. Raises OSError."""
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Return the manifest in `folder`. Raises CorruptModelError when it is not a whole one."""
    path = folder / MANIFEST
    try:
        return from_fields(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise CorruptModelError(
            f"{path} cannot be read as a manifest ({type(exc).__name__}: {exc}). Delete {folder} and export "
            "the model again.",
            model_id=folder.name,
            path=path,
        ) from exc


def from_fields(fields: Mapping[str, Any]) -> Manifest:
    """Return the manifest with these JSON `fields`; ValueError, TypeError or KeyError when they are wrong."""
    if fields["format"] != FORMAT:
        raise ValueError(f"its format is {fields['format']}, this version reads {FORMAT}")
    records = {
        "files": {name: FileFacts(**facts) for name, facts in fields["files"].items()},
        "reading": Reading(**fields["reading"]),
        "parity": Parity(**fields["parity"]),
        "languages": _listed(fields["languages"]),
        "notes": _listed(fields["notes"]),
    }
    manifest = Manifest(**{**fields, **records})
    if wrong := misfit(manifest) or _nonsense(manifest):
        raise ValueError(f"its {wrong} cannot be used: {str(fields.get(wrong))[:200]}")
    return manifest


def _listed(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"expected a list, found {value!r}")
    return tuple(value)


def _nonsense(manifest: Manifest) -> str | None:
    """Return which field has a value of the right type that means nothing; None for none."""
    reading, names = manifest.reading, manifest.files.keys()
    sound = {
        "files": {GRAPH, TOKENIZER} <= names
        and all(Path(name).name == name and name.isprintable() for name in names)
        and all(facts.size_bytes >= 0 for facts in manifest.files.values()),
        "reading": 0 < reading.max_tokens <= _MOST_TOKENS
        and 0 <= reading.relevant_label < reading.labels <= _MOST_LABELS,
        "seconds": all(seconds >= 0 for seconds in manifest.seconds.values()),
        "created_at": datetime.fromisoformat(manifest.created_at).tzinfo is not None,
    }
    return next((field for field, is_sound in sound.items() if not is_sound), None)


def facts(folder: Path) -> dict[str, FileFacts]:
    """Return what the files of `folder` are, by name. Raises OSError."""
    found = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            sha = hashlib.file_digest(stream, "sha256").hexdigest()
        found[path.name] = FileFacts(sha, path.stat().st_size)
    return found


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
