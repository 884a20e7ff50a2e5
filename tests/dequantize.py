"""A PyTorch checkpoint with the weights of an int8 graph.

`python tests/dequantize.py GRAPH TOKENIZER FOLDER` writes it. The graph's weights are exactly
(W - zero point) x scale; as fp32 they are the weights of a BERT, whose scores differ from the graph's
only by what quantizing the activations does. So a real model is at hand where nothing can be fetched.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.numpy_helper import to_array
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

Weights = dict[str, torch.Tensor]


def dequantized(graph: onnx.GraphProto) -> Weights:
    """Return the fp32 weights of `graph`, by their names in PyTorch."""
    arrays = {initializer.name: to_array(initializer) for initializer in graph.initializer}
    weights = {name: torch.tensor(array) for name, array in arrays.items() if array.dtype == np.float32}
    weights = {name: tensor for name, tensor in weights.items() if not name.endswith("_scale")}
    for name in arrays:
        stem = name.removesuffix("_quantized")
        if stem != name and stem.endswith(".weight"):
            weights[stem] = _fp32(arrays, stem)
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            # "/bert/pooler/dense/Gemm_MatMul_quant" multiplies with the weight of bert.pooler.dense.
            layer = ".".join(node.name.strip("/").split("/")[:-1])
            weights[f"{layer}.weight"] = _fp32(
                arrays, node.input[1].removesuffix("_quantized")
            ).T.contiguous()
    return weights


def write(graph: Path, tokenizer: Path, folder: Path) -> None:
    """Write the cross-encoder into `folder`, as from_pretrained wants it."""
    weights = dequantized(onnx.load(str(graph)).graph)
    vocabulary, hidden = weights["bert.embeddings.word_embeddings.weight"].shape
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=sum(name.endswith("intermediate.dense.weight") for name in weights),
        num_attention_heads=hidden // 32,
        intermediate_size=len(weights["bert.encoder.layer.0.intermediate.dense.weight"]),
        num_labels=len(weights["classifier.weight"]),
    )
    model = BertForSequenceClassification(config)
    model.load_state_dict(weights)  # which refuses a missing or a needless weight
    model.save_pretrained(folder)
    BertTokenizerFast(tokenizer_file=str(tokenizer), model_max_length=512).save_pretrained(folder)


def _fp32(arrays: dict[str, np.ndarray], stem: str) -> torch.Tensor:
    quantized, zero = (arrays[f"{stem}_{part}"].astype(np.float32) for part in ("quantized", "zero_point"))
    return torch.tensor((quantized - zero) * arrays[f"{stem}_scale"])


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:]))
