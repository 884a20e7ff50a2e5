"""Run an ONNX text model: its tokenizer, its graph, nothing else."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import CorruptModelError
from rag.models.cache import ModelPaths
from rag.models.catalog import ModelSpec

Output = NDArray[np.float32]
T = TypeVar("T")

# onnxruntime's errors share no base class.
_LOAD_ERRORS = tuple(
    getattr(ort.capi.onnxruntime_pybind11_state, name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
)
# Of the model's window, at least this much is left to the passage: a longer question is cut, visibly.
MIN_PASSAGE_TOKENS = 128


class OnnxModel:
    """A text model in memory: one session shared by `threads` workers, one text (or pair) a run.

    One a run, without padding, because the int8 graphs quantize activations over a whole run: in a
    batch, a score would change with its neighbours (https://github.com/microsoft/onnxruntime/issues/10111).
    It is also the fastest form on a CPU: short texts never wait for the padding of long ones.
    """

    def __init__(self, spec: ModelSpec, paths: ModelPaths, *, threads: int) -> None:
        self.spec = spec
        self._session = _open_session(spec, paths)
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        # Truncation is set once, here: changing it per call is not thread-safe ("Already borrowed").
        self._truncating = _open_tokenizer(spec, paths)
        self._truncating.enable_truncation(
            spec.max_tokens, strategy="only_second" if spec.task == "rerank" else "longest_first"
        )
        self._whole = _open_tokenizer(spec, paths)
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix=f"{spec.task}-worker")
        self.output_dim = self._session.get_outputs()[0].shape[-1]
        self.used = False
        self.backend = f"onnxruntime {ort.__version__} cpu"

    def encode(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> list[Encoding]:
        """Return one encoding per text or (query, passage) pair, cut at the model's window.

        What was cut off is in `encoding.overflowing`. A query must have passed through `clip`.
        """
        encodings: list[Encoding] = self._truncating.encode_batch(list(texts))
        return encodings

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of the whole `text`, special tokens left out."""
        return list(self._whole.encode(text, add_special_tokens=False).offsets)

    def clip(self, query: str) -> tuple[str, int]:
        """Return the part of `query` that the model has room for, and how many tokens that leaves unread."""
        specials = self._whole.num_special_tokens_to_add(is_pair=True)
        budget = self.spec.max_tokens - specials - MIN_PASSAGE_TOKENS
        spans = self.offsets(query)
        if len(spans) <= budget:
            return query, 0
        return query[: spans[budget - 1][1]], len(spans) - budget

    def run(self, encodings: Sequence[Encoding], read: Callable[[Output], T]) -> list[T]:
        """Return `read(output)` for each encoding, in input order.

        `output` is the graph's first one without the batch axis, float32. It is read in the worker, so
        that a long list never holds every token's vector at once.
        """
        # Longest first, so that no worker is left with a long text when the others are done.
        order = sorted(range(len(encodings)), key=lambda i: -len(encodings[i].ids))
        values = self._workers.map(lambda i: read(self._run_one(encodings[i])), order)
        by_position = dict(zip(order, values, strict=True))
        self.used = self.used or bool(encodings)
        return [by_position[i] for i in range(len(encodings))]

    def _run_one(self, encoding: Encoding) -> Output:
        values = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        # Only what the graph declares: DistilBERT exports, for one, have no token_type_ids.
        feed = {name: np.array([values[name]], dtype=np.int64) for name in self._inputs}
        output: Output = self._session.run(None, feed)[0][0]
        return output


def passage_tokens(encoding: Encoding) -> tuple[int, int]:
    """Return how many tokens the encoded passage has, and how many of them the model reads.

    Special tokens, and those of a query before the passage, are not counted.
    """
    passage = encoding.n_sequences - 1
    read = encoding.sequence_ids.count(passage)
    return read + sum(part.sequence_ids.count(passage) for part in encoding.overflowing), read


def _open_session(spec: ModelSpec, paths: ModelPaths) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # The workers are the parallelism: two single-thread runs beat one run on two threads.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(paths.graph), options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS as exc:
        raise CorruptModelError(
            f"onnxruntime cannot load {paths.graph} of model {spec.id}: {exc}",
            model_id=spec.id,
            path=paths.graph,
        ) from exc


def _open_tokenizer(spec: ModelSpec, paths: ModelPaths) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(paths.tokenizer))
    except Exception as exc:  # tokenizers raises plain Exception
        raise CorruptModelError(
            f"{paths.tokenizer} of model {spec.id} is not a tokenizer file: {exc}",
            model_id=spec.id,
            path=paths.tokenizer,
        ) from exc
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
