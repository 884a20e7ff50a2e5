"""A model of a few hundred bytes, made here: its graph returns the token ids that it was fed."""

from hashlib import sha256
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from rag.models.catalog import ModelFile, ModelSpec, Task

WORDS = ("[UNK]", "[CLS]", "[SEP]", "one", "two", "three", "four")
MAX_TOKENS = 140  # leaves 9 tokens to a question: the passage has 128 of its own, 3 are special


def make_toy(folder: Path, package: str, *, task: Task = "rerank") -> ModelSpec:
    """Write a toy model as the package `package` in `folder`; return its catalogue entry."""
    data = folder / package / "data"
    data.mkdir(parents=True)
    (folder / package / "__init__.py").write_text("raise ImportError('only the files are wanted')")
    (data / "model.onnx").write_bytes(identity_graph("input_ids", "attention_mask"))
    _tokenizer().save(str(data / "tokenizer.json"))
    graph, tokenizer = (
        ModelFile(name, sha256((data / name).read_bytes()).hexdigest())
        for name in ("model.onnx", "tokenizer.json")
    )
    return ModelSpec(
        id="toy/model",
        task=task,
        requirement=f"{package}==1.0",
        package=package,
        folder="data",
        graph=graph,
        tokenizer=tokenizer,
        max_tokens=MAX_TOKENS,
        licence="MIT",
        languages=("en",),
    )


def identity_graph(*inputs: str) -> bytes:
    """Return an ONNX file with int64 `inputs` [batch, sequence]; its output is the first as float32.

    Written byte by byte, after https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: one node needs no
    library.
    """
    to_float = _text(1, "to") + _number(3, 1) + _number(20, 2)
    node = _text(1, inputs[0]) + _text(2, "logits") + _text(4, "Cast") + _message(5, to_float)
    graph = _message(1, node) + _text(2, "identity")
    graph += b"".join(_message(11, _tensor(name, elem_type=7)) for name in inputs)
    graph += _message(12, _tensor("logits", elem_type=1))
    opset = _text(1, "") + _number(2, 17)
    return _number(1, 8) + _message(7, graph) + _message(8, opset)


def _tensor(name: str, *, elem_type: int) -> bytes:
    shape = b"".join(_message(1, _text(2, axis)) for axis in ("batch", "sequence"))
    tensor = _number(1, elem_type) + _message(2, shape)
    return _text(1, name) + _message(2, _message(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + _varint(rest)


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return tokenizer
