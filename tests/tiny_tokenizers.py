"""Tokenizers of a few hundred words, made of the judged set's texts in each family's real files.

Each function writes what it needs into a folder and returns the tokenizer.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer
from tokenizers.implementations import ByteLevelBPETokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertTokenizerFast,
    DebertaV2TokenizerFast,
    DistilBertTokenizerFast,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RobertaTokenizerFast,
    XLMRobertaTokenizer,
    XLMRobertaTokenizerFast,
)

CORPUS = Path(__file__).resolve().parents[1] / "data" / "judged" / "corpus.jsonl"
VOCABULARY = 700


def wordpiece(folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    return BertTokenizerFast(vocab_file=str(_wordpiece_file(folder)), model_max_length=max_tokens)


def wordpiece_without_types(folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    return DistilBertTokenizerFast(vocab_file=str(_wordpiece_file(folder)), model_max_length=max_tokens)


def byte_level(folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    trained = _byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    vocabulary, merges = trained.save_model(str(folder))
    return RobertaTokenizerFast(vocab_file=vocabulary, merges_file=merges, model_max_length=max_tokens)


def byte_level_with_cls(_folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    trained = Tokenizer.from_str(_byte_level(special).to_str())
    trained.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    names = dict(zip(("pad", "cls", "sep", "unk", "mask"), special, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=trained,
        model_max_length=max_tokens,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in names.items()},
    )


def unigram(folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    return XLMRobertaTokenizerFast(vocab_file=str(_sentencepiece_file(folder)), model_max_length=max_tokens)


def unigram_in_its_old_form(folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    """A tokenizer that is saved as sentencepiece.bpe.model alone."""
    return XLMRobertaTokenizer(vocab_file=str(_sentencepiece_file(folder)), model_max_length=max_tokens)


def unigram_with_cls(folder: Path, max_tokens: int | None) -> PreTrainedTokenizerBase:
    model = _sentencepiece_file(folder, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]",
                                bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")  # fmt: skip
    return DebertaV2TokenizerFast(vocab_file=str(model), model_max_length=max_tokens)


def _texts() -> list[str]:
    return [json.loads(line)["text"] for line in CORPUS.read_text("utf-8").splitlines()]


def _wordpiece_file(folder: Path) -> Path:
    """Write the commonest words and every character; training a vocabulary gives another one each time."""
    words = Counter(re.findall(r"\w+", " ".join(_texts()).lower()))
    characters = sorted({character for word in words for character in word} | set(".,:;?!-'()/"))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]
    vocabulary += [f"##{character}" for character in characters]
    vocabulary += [word for word, _ in words.most_common(VOCABULARY - len(vocabulary)) if len(word) > 1]
    path = folder / "vocab.txt"
    path.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return path


def _byte_level(special: list[str]) -> ByteLevelBPETokenizer:
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(_texts(), vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    return trained


def _sentencepiece_file(folder: Path, **options: Any) -> Path:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_texts()),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=VOCABULARY,
        model_type="unigram",
        minloglevel=2,
        **options,
    )
    (folder / "sentencepiece.bpe.vocab").unlink()
    return folder / "sentencepiece.bpe.model"
