"""The original model in PyTorch fp32: how it wants to be read, and what it says of the fixed texts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rag.errors import ExportError
from rag.models.export.parity import Fixed
from rag.models.manifest import Reading
from rag.models.outputs import logit

_POOLING = {"cls": "cls", "mean": "mean", "lasttoken": "last"}
# What the prompts for questions and for passages are called.
_QUERY_PROMPTS = ("query", "search_query", "retrieval.query")
_PASSAGE_PROMPTS = ("document", "passage", "corpus", "search_document", "retrieval.passage")
# A label of this name is the one whose logit says that a passage answers the question.
_RELEVANT = ("relevant", "positive", "true", "yes", "1")

_LEAST_WINDOW = 16  # tokens; the exporter tries the model with as many

M = TypeVar("M", CrossEncoder, SentenceTransformer)


class Original(ABC, Generic[M]):
    """A model as its authors published it, in memory, read by `library` of sentence-transformers."""

    library: type[M]

    def __init__(self, name: str, source: Path, request: Mapping[str, Any]) -> None:
        self.name = name
        self.request = request
        self.notes: list[str] = []
        self.settings: dict[str, str] = {}
        self._model = self.library(
            str(source),
            device="cpu",
            local_files_only=True,
            trust_remote_code=request["remote_code"],
            model_kwargs={"dtype": torch.float32},
        )

    @property
    def reference(self) -> str:
        """What the exported model is compared with, in words."""
        return f"sentence-transformers {self.library.__name__}, PyTorch fp32"

    @property
    @abstractmethod
    def transformer(self) -> PreTrainedModel:
        """The transformers model that is exported."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its tokenizer."""
        tokenizer: PreTrainedTokenizerBase = self._model.tokenizer
        return tokenizer

    @abstractmethod
    def reading(self) -> Reading:
        """Return how the model wants to be read. Raises ExportError where that cannot be done here."""

    @abstractmethod
    def scores(self, texts: Fixed, reading: Reading) -> NDArray[np.float32]:
        """Return what the model says of `texts`: logits [pairs], or unit vectors [texts, dim]."""

    def refuse(self, why: str) -> ExportError:
        """Return the error that says why this model cannot be used."""
        return ExportError(f"{self.name} cannot be used here: {why}.", model_id=self.name)

    def max_tokens(self, stated: int | None) -> int:
        """Return the window: what the model's files state, within the positions that it has."""
        limits = [stated, *_positions(self.transformer)]
        known = [limit for limit in limits if limit is not None and 0 < limit < 1_000_000]
        if not known:
            raise self.refuse("its files state no greatest length (model_max_length)")
        if min(known) < _LEAST_WINDOW:
            raise self.refuse(f"it reads only {min(known)} tokens; expected {_LEAST_WINDOW} or more")
        return min(known)


class OriginalReranker(Original[CrossEncoder]):
    """A cross-encoder."""

    library = CrossEncoder

    @property
    def transformer(self) -> PreTrainedModel:
        """The classification model."""
        model: PreTrainedModel = self._model.model
        return model

    def reading(self) -> Reading:
        """Return window and labels."""
        if self._model.default_prompt_name:
            raise self.refuse(f"it wants the prompt {self._model.default_prompt_name!r} before its texts")
        self.settings["activation"] = type(self._model.activation_fn).__name__
        labels = self._model.num_labels
        return Reading(
            max_tokens=self.max_tokens(self._model.max_seq_length),
            labels=labels,
            relevant_label=self._relevant_label(labels),
        )

    def scores(self, texts: Fixed, reading: Reading) -> NDArray[np.float32]:
        """Return the logit of each pair, float32 [pairs], made without padding."""
        # The tokenizer's files may state more than there are positions, or nothing.
        self._model.max_seq_length = reading.max_tokens
        outputs = self._model.predict(
            list(texts.pairs), batch_size=1, activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
        return np.array([logit(output, reading) for output in np.asarray(outputs)], dtype=np.float32)

    def _relevant_label(self, labels: int) -> int:
        if labels == 1:
            return 0
        names = {int(i): str(n).strip().lower() for i, n in (self.transformer.config.id2label or {}).items()}
        found = [i for i, name in names.items() if name in _RELEVANT]
        if len(found) != 1:
            raise self.refuse(
                f"it gives {labels} labels ({', '.join(names[i] for i in sorted(names))}), and one of them "
                f"must be called {_RELEVANT[0]!r} (or {', '.join(_RELEVANT[1:])}) in id2label of its "
                "config.json to say which one ranks"
            )
        self.settings["relevant_label"] = names[found[0]]
        return found[0]


class OriginalEmbedder(Original[SentenceTransformer]):
    """A bi-encoder."""

    library = SentenceTransformer

    @property
    def transformer(self) -> PreTrainedModel:
        """The model behind the pooling."""
        model: PreTrainedModel = self._model[0].auto_model
        return model

    def reading(self) -> Reading:
        """Return window, prefixes and pooling, from modules.json and the files that it names."""
        modules = [type(module).__name__ for module in self._model]
        if modules not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
            raise self.refuse(
                f"it is made of {' + '.join(modules)}; expected Transformer + Pooling (+ Normalize)"
            )
        pooling = self._model[1].pooling_mode
        if pooling not in _POOLING:
            raise self.refuse(f"its pooling is {pooling!r}; expected one of {', '.join(_POOLING)}")
        query, passage = self._prefixes()
        if (query or passage) and not self._model[1].include_prompt:
            raise self.refuse("its pooling leaves the prefix out (include_prompt is false)")
        self._note_similarity(modules)
        return Reading(
            max_tokens=self.max_tokens(self._model.max_seq_length),
            query_prefix=query,
            passage_prefix=passage,
            pooling=_POOLING[pooling],  # type: ignore[arg-type]
        )

    def scores(self, texts: Fixed, reading: Reading) -> NDArray[np.float32]:
        """Return the unit vectors, float32 [questions + passages, dim], made without padding."""
        prefixed = [
            *(reading.query_prefix + question for question in texts.questions),
            *(reading.passage_prefix + passage for passage in texts.passages),
        ]
        self._model.max_seq_length = reading.max_tokens
        vectors: NDArray[np.float32] = self._model.encode(
            prefixed, prompt="", batch_size=1, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    def _prefixes(self) -> tuple[str, str]:
        # sentence-transformers fills in empty ones of its own.
        own = {str(name): str(text) for name, text in (self._model.prompts or {}).items() if text}
        if not own:
            query, passage = self.request["query_prefix"], self.request["passage_prefix"]
            if not self.request["known"]:
                self.notes.append(
                    "Its files state no prefixes; if its card asks for some, they are not used."
                )
            return query, passage
        default_name = self._model.default_prompt_name or ""
        default = own.get(default_name, "")
        # A default that is made for questions is no reason to put it before passages.
        other = "" if default_name in _QUERY_PROMPTS else default
        query = next((own[name] for name in _QUERY_PROMPTS if name in own), default)
        passage = next((own[name] for name in _PASSAGE_PROMPTS if name in own), other)
        if not query and not passage:
            self.notes.append(f"Its prompts ({', '.join(own)}) are not understood, and not used.")
        return query, passage

    def _note_similarity(self, modules: list[str]) -> None:
        self.settings["normalize"] = str("Normalize" in modules)
        self.settings["similarity"] = str(self._model.similarity_fn_name)
        if self._model.similarity_fn_name != "cosine":
            self.notes.append(
                f"This model was trained for the similarity {self._model.similarity_fn_name!r}; RerankLens "
                "compares by cosine, which may order passages otherwise."
            )


def load(
    name: str, task: str, source: Path, request: Mapping[str, Any]
) -> OriginalReranker | OriginalEmbedder:
    """Return the original in memory. Raises ExportError where its files do not allow it."""
    original = (OriginalReranker if task == "rerank" else OriginalEmbedder)(name, source, request)
    if not original.tokenizer.is_fast:
        raise original.refuse(f"its tokenizer {type(original.tokenizer).__name__} has no fast form")
    original.settings["padding_side"] = original.tokenizer.padding_side
    if original.tokenizer.truncation_side != "right":
        original.notes.append("Its authors cut long texts at the start; RerankLens cuts them at the end.")
    return original


def _positions(transformer: PreTrainedModel) -> list[int]:
    """Return how many tokens the position tables of the model have room for."""
    tables = [m for n, m in transformer.named_modules() if n.endswith("position_embeddings")]
    # RoBERTa and its kin begin to count after the padding's own position.
    return [
        table.num_embeddings - (table.padding_idx + 1 if table.padding_idx is not None else 0)
        for table in tables
        if isinstance(table, torch.nn.Embedding)
    ]
