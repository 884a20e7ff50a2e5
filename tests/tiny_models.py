"""Models of a few hundred KB, made here: random weights in the real files of each architecture.

Imports PyTorch, so tests run it as a program: `python tests/tiny_models.py FOLDER [NAME…]` builds the
models of MODELS with these names, or every one, each in a folder of its own. The weights are large, so that
scores lie several units apart.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiny_tokenizers
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ModernBertConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
    XLMRobertaConfig,
)

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.3,
}
CUSTOM_CODE = '''"""A cross-encoder whose authors publish code: it turns the sign of every logit."""

from transformers import BertForSequenceClassification


class TurnedForSequenceClassification(BertForSequenceClassification):
    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, **more):
        output = super().forward(input_ids, attention_mask, token_type_ids, **more)
        output.logits = -output.logits
        return output
'''


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture: its configuration, its tokenizer, and how many positions are for no token."""

    config: Callable[..., PretrainedConfig]
    tokenizer: Callable[[Path, int | None], PreTrainedTokenizerBase]
    reserved: int = 0


BERT = Family(BertConfig, tiny_tokenizers.wordpiece)
DISTILBERT = Family(DistilBertConfig, tiny_tokenizers.wordpiece_without_types)
ROBERTA = Family(RobertaConfig, tiny_tokenizers.byte_level, reserved=2)
XLM_ROBERTA = Family(XLMRobertaConfig, tiny_tokenizers.unigram, reserved=2)
XLM_ROBERTA_OLD = Family(XLMRobertaConfig, tiny_tokenizers.unigram_in_its_old_form, reserved=2)
BERT_UNIGRAM = Family(BertConfig, tiny_tokenizers.unigram)
DEBERTA = Family(DebertaV2Config, tiny_tokenizers.unigram_with_cls)
MODERNBERT = Family(ModernBertConfig, tiny_tokenizers.byte_level_with_cls)


def reranker(
    family: Family, folder: Path, *, max_tokens: int = 512, spread: float = 3.0, **config: Any
) -> None:
    """Write a cross-encoder; `spread` multiplies the weights that make its logits."""
    tokenizer = family.tokenizer(folder, max_tokens)
    made = _config(family, tokenizer, max_tokens, **{"num_labels": 1, **config})
    model = AutoModelForSequenceClassification.from_config(made)
    _widen(model, spread)
    _save(model, tokenizer, folder)


def embedder(
    family: Family,
    folder: Path,
    *,
    pooling: str,
    normalize: bool,
    dense: bool = False,
    max_tokens: int = 512,
    **saved: Any,
) -> None:
    """Write a bi-encoder as sentence-transformers saves it; `saved` are its prompts and similarity."""
    inner = folder.parent / f"{folder.name}-transformer"
    inner.mkdir()
    tokenizer = family.tokenizer(inner, max_tokens)
    _save(AutoModel.from_config(_config(family, tokenizer, max_tokens)), tokenizer, inner)
    modules: list[torch.nn.Module] = [Transformer(str(inner)), Pooling(SHAPE["hidden_size"], pooling)]
    modules += [Dense(32, 16)] if dense else []
    modules += [Normalize()] if normalize else []
    SentenceTransformer(modules=modules, device="cpu", **saved).save(str(folder))


def masked(folder: Path) -> None:
    """Write a model that guesses words: neither a cross-encoder nor an embedder."""
    tokenizer = tiny_tokenizers.wordpiece(folder, 512)
    _save(AutoModelForMaskedLM.from_config(_config(BERT, tokenizer, 512)), tokenizer, folder)


def roberta_padded_left(folder: Path) -> None:
    """Write a cross-encoder whose tokenizer pads on the left."""
    reranker(ROBERTA, folder)
    _edit(folder / "tokenizer_config.json", padding_side="left")


def distilbert_in_half_precision(folder: Path) -> None:
    reranker(DISTILBERT, folder)
    AutoModelForSequenceClassification.from_pretrained(folder).half().save_pretrained(folder)


def modernbert_with_sigmoid(folder: Path) -> None:
    """Write a cross-encoder as sentence-transformers saves it, which states the activation."""
    inner = folder.parent / f"{folder.name}-transformer"
    inner.mkdir()
    reranker(MODERNBERT, inner)
    CrossEncoder(str(inner), device="cpu", activation_fn=torch.nn.Sigmoid()).save(str(folder))


def xlm_roberta_without_activation(folder: Path) -> None:
    """Write a cross-encoder whose configuration says that its logits are its scores."""
    reranker(XLM_ROBERTA, folder)
    _edit(folder / "config.json", sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"})


def sentencepiece_without_length(folder: Path) -> None:
    """Write a cross-encoder whose tokenizer states no length: only its positions bound it."""
    reranker(XLM_ROBERTA_OLD, folder, max_tokens=64)
    path = folder / "tokenizer_config.json"
    stated = json.loads(path.read_text("utf-8"))
    del stated["model_max_length"]
    path.write_text(json.dumps(stated), encoding="utf-8")


def with_custom_code(folder: Path) -> None:
    reranker(BERT, folder)
    (folder / "turned.py").write_text(CUSTOM_CODE, encoding="utf-8")
    classes = {"AutoModelForSequenceClassification": "turned.TurnedForSequenceClassification"}
    _edit(folder / "config.json", auto_map=classes)


# Each family once, and with it one thing that a model's files may say.
MODELS: Mapping[str, Callable[[Path], None]] = {
    "bert": lambda folder: reranker(BERT, folder),
    "distilbert": distilbert_in_half_precision,
    "roberta": roberta_padded_left,
    "xlm-roberta": xlm_roberta_without_activation,
    "deberta-v2": lambda folder: reranker(DEBERTA, folder, max_tokens=64),
    "modernbert": modernbert_with_sigmoid,
    "sentencepiece": sentencepiece_without_length,
    "two-labels": lambda folder: reranker(
        BERT, folder, num_labels=2, id2label={0: "irrelevant", 1: "relevant"}
    ),
    "custom-code": with_custom_code,
    "cls": lambda folder: embedder(BERT, folder, pooling="cls", normalize=True),
    "mean": lambda folder: embedder(
        XLM_ROBERTA,
        folder,
        pooling="mean",
        normalize=False,
        prompts={"query": "query: ", "passage": "passage: "},
    ),
    # As multilingual-e5-small: its files state no prompts.
    "without-prompts": lambda folder: embedder(BERT_UNIGRAM, folder, pooling="mean", normalize=True),
    "last": lambda folder: embedder(
        MODERNBERT,
        folder,
        pooling="lasttoken",
        normalize=False,
        max_tokens=128,
        similarity_fn_name="dot",
        prompts={"query": "find: ", "document": ""},
        default_prompt_name="query",
    ),
    # What cannot be used.
    "three-labels": lambda folder: reranker(BERT, folder, num_labels=3),
    "dense": lambda folder: embedder(BERT, folder, pooling="mean", normalize=True, dense=True),
    "masked": masked,
}


def build(folder: Path, names: Iterable[str]) -> None:
    """Write the models with these names into folders of their own below `folder`."""
    for name in names:
        torch.manual_seed(7)
        (folder / name).mkdir()
        MODELS[name](folder / name)


def _config(
    family: Family, tokenizer: PreTrainedTokenizerBase, max_tokens: int, **more: Any
) -> PretrainedConfig:
    names = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
    special = {name: getattr(tokenizer, name) for name in names}
    positions: dict[str, Any] = {"max_position_embeddings": max_tokens + family.reserved}
    if family is DISTILBERT:
        shape = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 2, "initializer_range": 0.3}
    else:
        shape = SHAPE
    if family is DEBERTA:  # as its authors publish it: relative positions, in both directions
        positions |= {"relative_attention": True, "position_buckets": 32, "pos_att_type": ["p2c", "c2p"],
                      "position_biased_input": False, "norm_rel_ebd": "layer_norm", "share_att_key": True,
                      "type_vocab_size": 0}  # fmt: skip
    return family.config(vocab_size=len(tokenizer), **shape, **positions, **special, **more)


def _widen(model: PreTrainedModel, factor: float) -> None:
    last = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight *= factor


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]), sys.argv[2:] or MODELS)
