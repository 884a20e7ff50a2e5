"""A model of a few hundred bytes, made here: its graph returns the token ids that it was fed."""

from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from rag.models.manifest import GRAPH, TOKENIZER, Manifest, Parity, Quantization, Reading, Task, facts, write
from rag.models.naming import folder_name

TOY = "toy/model"
WORDS = ("[UNK]", "[CLS]", "[SEP]", "one", "two", "three", "four")
MAX_TOKENS = 140 + 128  # 3 are special


def export_toy(
    cache: Path, model_id: str = TOY, *, task: Task = "rerank", quantization: Quantization = "int8"
) -> Path:
    """Put a toy model into `cache` as if it had been exported as `model_id`; return its folder."""
    folder = cache / folder_name(model_id, quantization)
    folder.mkdir(parents=True)
    (folder / GRAPH).write_bytes(identity_graph("input_ids", "attention_mask"))
    _tokenizer().save(str(folder / TOKENIZER))
    write_manifest(folder, model_id, task=task, quantization=quantization)
    return folder


def write_manifest(
    folder: Path, model_id: str = TOY, *, task: Task = "rerank", quantization: Quantization = "int8"
) -> Manifest:
    """Write a manifest that promises the files of `folder` as they are now; return it."""
    manifest = Manifest(
        id=model_id,
        task=task,
        source=model_id,
        revision="0" * 40,
        quantization=quantization,
        opset=17,
        reading=Reading(max_tokens=MAX_TOKENS),
        files=facts(folder),
        parity=Parity("a toy", 2, fp32_difference=0, drift=0.01, spread=3, clear_pairs=1, agreement=1),
        versions={"onnx": "1.0"},
        seconds={"export": 1.5, "total": 2.0},
        created_at="2026-01-31T12:00:00+00:00",
        licence="MIT",
        languages=("en", "it"),
        notes=("A sentence on it.",),
        settings={"padding_side": "right"},
    )
    write(manifest, folder)
    return manifest


def flip(path: Path) -> None:
    """Change one bit in the middle of `path`, so that it also has another time of last change."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:  # the clock of files ticks every few milliseconds
        path.write_bytes(data)


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
