"""Make a model of bge-reranker-v2-m3's shape with random weights: `python -m benchmarks.large_model FOLDER`.

XLM-RoBERTa-large with a vocabulary of 250,002: 568 million parameters, 2.27 GB in fp32. What it costs to
export, load and run is the real one's; its scores mean nothing.
"""

import random
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification, XLMRobertaTokenizerFast

from benchmarks.common import ROOT

VOCABULARY = 250_002
_SYLLABLES = [c + v for c in "bcdfghlmnprstvz" for v in "aeiou"]


def make(folder: Path) -> None:
    """Write model and tokenizer into `folder`, as they would come from the hub."""
    _tokenizer().save_pretrained(str(folder))
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        max_position_embeddings=8194,
        type_vocab_size=1,
        num_labels=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    XLMRobertaForSequenceClassification(config).save_pretrained(str(folder))


def _tokenizer() -> XLMRobertaTokenizerFast:
    """Return a SentencePiece-like tokenizer: the words of the sample documents, and made-up pieces."""
    specials = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = dict(islice(_pieces(), VOCABULARY - len(specials) - 1))
    tokenizer = Tokenizer(models.Unigram([*specials, *pieces.items(), ("<mask>", 0.0)], unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=8192)


def _pieces() -> Iterator[tuple[str, float]]:
    """Yield distinct pieces with their log probabilities, without end."""
    text = (ROOT / "data" / "judged" / "corpus.jsonl").read_text(encoding="utf-8")
    seen = {"▁": -3.0} | dict.fromkeys(sorted(set(text)), -12.0)
    seen |= {f"▁{word}": -9.0 for word in sorted(set(re.findall(r"\w+", text)))}
    yield from seen.items()
    chance = random.Random(0)
    while True:
        piece = ("▁" if chance.random() < 0.6 else "") + "".join(
            chance.choices(_SYLLABLES, k=chance.randint(1, 4))
        )
        if piece not in seen:
            seen[piece] = -9.0 - 4.0 * chance.random()
            yield piece, seen[piece]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
