"""Models of 100 kB as authors publish theirs, written without PyTorch, which loads for seconds."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import BertWordPieceTokenizer
from tokenizers.processors import BertProcessing

HIDDEN, FEED_FORWARD, MAX_TOKENS, LAYERS = 32, 64, 128, 2
LINES = (
    "the boiler on the second floor needs a new valve before the winter starts",
    "rome is the capital of italy and its largest city",
    "the museum opens at nine and closes at six except on mondays",
)


def write_original(folder: Path, *, seed: int = 0) -> Path:
    """Write the model into `folder`, made if it is not there, and return it; each `seed` is another model."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator(LINES, vocab_size=200, min_frequency=1, show_progress=False)
    ids = {token: tokenizer.token_to_id(token) for token in ("[SEP]", "[CLS]")}
    tokenizer.post_processor = BertProcessing(*ids.items())
    tokenizer.save(str(folder / "tokenizer.json"))
    words = tokenizer.get_vocab_size()
    _write(folder / "tokenizer_config.json", tokenizer_class="BertTokenizer", model_max_length=MAX_TOKENS)
    _write(
        folder / "config.json",
        architectures=["BertForSequenceClassification"],
        model_type="bert",
        vocab_size=words,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=FEED_FORWARD,
        max_position_embeddings=MAX_TOKENS,
        id2label={"0": "LABEL_0"},
    )
    random_numbers = np.random.default_rng(seed)
    weights = {
        name: np.ones(shape, np.float32)
        if name.endswith("LayerNorm.weight")
        else (random_numbers.standard_normal(shape) * 0.3).astype(np.float32)
        for name, shape in _shapes(words).items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_embedder(folder: Path, *, card: str, prompts: Mapping[str, str]) -> Path:
    """Write an embedder, its transformer in a folder of its own and in half precision; return `folder`."""
    inner = write_original(folder / "0_Transformer")
    weights = load_file(inner / "model.safetensors")
    half = {name: values.astype(np.float16) for name, values in weights.items()}
    save_file(half, inner / "model.safetensors", metadata={"format": "pt"})
    (folder / "1_Pooling").mkdir()
    _write(
        folder / "1_Pooling" / "config.json", word_embedding_dimension=HIDDEN, pooling_mode_mean_tokens=True
    )
    write_modules(
        folder,
        {
            "0_Transformer": "sentence_transformers.models.Transformer",
            "1_Pooling": "sentence_transformers.models.Pooling",
        },
    )
    _write(folder / "config_sentence_transformers.json", prompts=dict(prompts))
    (folder / "README.md").write_text(f"---\n{card}\n---\n# A model\n", encoding="utf-8")
    return folder


def write_modules(folder: Path, modules: Mapping[str, str]) -> None:
    """Write which class makes which part of an embedder, by the part's folder."""
    parts = [
        {"idx": number, "name": str(number), "path": path, "type": kind}
        for number, (path, kind) in enumerate(modules.items())
    ]
    (folder / "modules.json").write_text(json.dumps(parts), encoding="utf-8")


def _shapes(words: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of a BERT cross-encoder, by name."""
    tables = {"word": words, "position": MAX_TOKENS, "token_type": 2}
    shapes: dict[str, tuple[int, ...]] = {
        f"bert.embeddings.{name}_embeddings.weight": (rows, HIDDEN) for name, rows in tables.items()
    }
    maps = {"bert.pooler.dense": (HIDDEN, HIDDEN), "classifier": (1, HIDDEN)}
    norms = ["bert.embeddings.LayerNorm"]
    for number in range(LAYERS):
        layer = f"bert.encoder.layer.{number}"
        inner = (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        )
        maps |= {f"{layer}.{name}": (HIDDEN, HIDDEN) for name in inner}
        maps[f"{layer}.intermediate.dense"] = (FEED_FORWARD, HIDDEN)
        maps[f"{layer}.output.dense"] = (HIDDEN, FEED_FORWARD)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name, shape in maps.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (HIDDEN,), f"{name}.bias": (HIDDEN,)}
    return shapes


def _write(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(fields, indent=1), encoding="utf-8")
