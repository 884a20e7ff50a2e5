"""Run an ONNX text model: its tokenizer, its graph, nothing else."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import CorruptModelError
from rag.models.cache import InstalledModel
from rag.models.outputs import Output
from rag.timing import Pulse

T = TypeVar("T")

# onnxruntime's errors share no base class.
_ORT_ERRORS = tuple(
    getattr(ort.capi.onnxruntime_pybind11_state, name)
    for name in (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
)
# Of the model's window, at least this much is left to the passage (half, where the window is small):
# a longer question is cut, visibly.
MIN_PASSAGE_TOKENS = 128
_LEAST_ROOM = 2  # tokens: one of the question, one of the passage
_INPUTS = {(name, "tensor(int64)") for name in ("input_ids", "attention_mask", "token_type_ids")}
_TICK_S = 0.1
_BLOCK_CHARS = 200_000
_HEAD_START_S = 0.05  # a large graph lets go of the lock after 0.03


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text, or a pair, as the model is fed it: each input int64 [1, n], special tokens among the n.

    `tokens` counts the text's (a pair's passage's) tokens, `tokens_read` those within the model's
    window; both without special tokens.
    """

    inputs: Mapping[str, NDArray[np.int64]]
    tokens: int
    tokens_read: int

    @property
    def fed(self) -> int:
        """How many tokens the model is fed, special ones among them."""
        return int(self.inputs["input_ids"].shape[1])


class OnnxModel:
    """A text model in memory: one session shared by `threads` workers, one text (or pair) a run.

    One a run, without padding, because the int8 graphs quantize activations over a whole run: in a
    batch, a score would change with its neighbours (https://github.com/microsoft/onnxruntime/issues/10111).
    It is also the fastest form on a CPU: short texts never wait for the padding of long ones.
    """

    def __init__(self, model: InstalledModel, *, threads: int) -> None:
        self.model = model
        # Side by side: a large vocabulary takes as long to read as its graph. Reading it holds the
        # interpreter's lock throughout, loading a graph only at first: so the graph has a head start.
        with ThreadPoolExecutor(1) as loader:
            underway = threading.Event()
            session = loader.submit(_open_session, model, underway)
            underway.wait()
            time.sleep(_HEAD_START_S)
            self._tokenizer = _open_tokenizer(model)
            self._session = session.result()
        _refuse_other_graphs(model, self._session)
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        self._ahead = 2 * threads
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix=f"{model.task}-worker")
        specials: Callable[..., int] = self._tokenizer.num_special_tokens_to_add
        self._room = model.reading.max_tokens - specials(is_pair=False)
        self._pair_room = model.reading.max_tokens - specials(is_pair=True)
        if self._pair_room < _LEAST_ROOM:
            raise _unusable(model, f"its window of {model.reading.max_tokens} tokens has no room for a text")
        self._query_room = self._pair_room - min(MIN_PASSAGE_TOKENS, self._pair_room // 2)
        self.output_dim: int | str = self._session.get_outputs()[0].shape[-1]
        self.used = False
        self.backend = f"onnxruntime {ort.__version__} cpu"

    def close(self) -> None:
        """Let go of the graph's memory; the model cannot run afterwards."""
        self._workers.shutdown()
        with suppress(AttributeError):  # closed before
            del self._session

    def room(self, prefix: str = "") -> int:
        """Return how many tokens of a single text are read, beside special tokens and `prefix`."""
        return self._room - len(self.offsets(prefix))

    def encode_texts(self, texts: Sequence[str], prefix: str = "") -> list[Encoded]:
        """Return `texts`, each after `prefix`, as the model is fed them, cut at its window."""
        whole = self._tokenizer.encode_batch([prefix + text for text in texts], add_special_tokens=False)
        return [self._finish(encoding, self._room, len(prefix)) for encoding in whole]

    def encode_pairs(
        self, query: str, passages: Sequence[str], *, max_tokens: int | None = None
    ) -> list[Encoded]:
        """Return `query` with each passage as the model is fed them, in input order.

        Where a pair is too long its passage is cut, and at `max_tokens` of its own; only a query that
        leaves the passage less than 128 tokens (or half the window) is cut itself.
        """
        question = self._tokenizer.encode(query, add_special_tokens=False)
        question.truncate(self._query_room)
        room = self._pair_room - len(question.ids)
        if max_tokens is not None:
            room = min(room, max_tokens)
        whole = self._tokenizer.encode_batch(list(passages), add_special_tokens=False)
        return [self._finish(encoding, room, 0, question) for encoding in whole]

    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` the model has no room for beside a passage."""
        unread = len(self.offsets(query)) - self._query_room
        return max(0, unread)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of the whole `text`, special tokens left out.

        A long text is read block by block, each ending at a space: nobody else runs meanwhile.
        """
        spans: list[tuple[int, int]] = []
        start = 0
        while start < len(text):
            end = _block_end(text, start)
            encoding = self._tokenizer.encode(text[start:end], add_special_tokens=False)
            spans += [(start + first, start + last) for first, last in encoding.offsets]
            start = end
        return spans

    def run(
        self, encoded: Sequence[Encoded], read: Callable[[Output], T], pulse: Pulse | None = None
    ) -> list[T]:
        """Return `read(output)` for each text or pair, in input order; the rest as in `run_timed`."""
        return [value for value, _ in self.run_timed(encoded, read, pulse)]

    def run_timed(
        self, encoded: Sequence[Encoded], read: Callable[[Output], T], pulse: Pulse | None = None
    ) -> list[tuple[T, float]]:
        """Return `read(output)` for each text or pair, in input order, and the seconds that its run took.

        `output` is the graph's first one without the batch axis, float32. It is read in the worker, so
        that a long list never holds every token's vector at once. `pulse` hears how many are done of the
        stage `score`; when it raises, no further text is begun. Raises ModelError when the graph cannot
        read a text, or gives numbers that mean nothing.
        """
        values: dict[int, tuple[T, float]] = {}
        # Longest first, so that no worker is left with a long text when the others are done.
        order = iter(sorted(range(len(encoded)), key=lambda i: -encoded[i].fed))
        # A few ahead, so that no worker waits; not all, so that others who run this model get their turns.
        running = {self._submit(encoded[i], read): i for i in islice(order, self._ahead)}
        told = time.monotonic()
        try:
            while running:
                done, _ = wait(running, _TICK_S, FIRST_COMPLETED)
                for future in done:
                    values[running.pop(future)] = future.result()
                    running.update({self._submit(encoded[i], read): i for i in islice(order, 1)})
                if pulse and running and time.monotonic() - told >= _TICK_S:
                    told = time.monotonic()
                    pulse("score", len(values), len(encoded))
        finally:
            for future in running:
                future.cancel()
        self.used = self.used or bool(encoded)
        return [values[i] for i in range(len(encoded))]

    def _submit(self, encoded: Encoded, read: Callable[[Output], T]) -> Future[tuple[T, float]]:
        return self._workers.submit(self._read, encoded.inputs, read)

    def _finish(
        self, encoding: Encoding, room: int, prefix_chars: int, before: Encoding | None = None
    ) -> Encoded:
        """Return `encoding` cut to `room` tokens, `before` in front of it, with special tokens."""
        prefix = sum(start < prefix_chars for start, _ in encoding.offsets) if prefix_chars else 0
        tokens = len(encoding.ids) - prefix
        encoding.truncate(room)
        read = len(encoding.ids) - prefix
        # Truncation is done here and not by the tokenizer, whose own is a setting that all threads share.
        parts = (encoding,) if before is None else (before, encoding)
        whole = self._tokenizer.post_process(*parts)
        # Not the encoding itself, which keeps what was cut off it.
        values = {
            "input_ids": whole.ids,
            "attention_mask": whole.attention_mask,
            "token_type_ids": whole.type_ids,
        }
        return Encoded({n: np.array([v], dtype=np.int64) for n, v in values.items()}, tokens, read)

    def _read(self, inputs: Mapping[str, NDArray[np.int64]], read: Callable[[Output], T]) -> tuple[T, float]:
        began = time.perf_counter()
        try:
            output = self._run_one(inputs)
            if not np.isfinite(output).all():
                raise ValueError("it gives numbers that are not finite")
            return read(output), time.perf_counter() - began
        except (ValueError, *_ORT_ERRORS) as exc:
            raise _unusable(self.model, str(exc)) from exc

    def _run_one(self, inputs: Mapping[str, NDArray[np.int64]]) -> Output:
        # Only what the graph declares: DistilBERT exports, for one, have no token_type_ids.
        feed = {name: inputs[name] for name in self._inputs}
        output: Output = self._session.run(None, feed)[0][0]
        return output


def _block_end(text: str, start: int) -> int:
    """Return where the block that begins at `start` ends: behind the last space, where there is one."""
    end = start + _BLOCK_CHARS
    if end >= len(text):
        return len(text)
    space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
    return space + 1 if space >= start else end


def _refuse_other_graphs(model: InstalledModel, session: ort.InferenceSession) -> None:
    """Refuse a graph that wants something else than tokens, or gives something else than numbers."""
    inputs = {node.name: node.type for node in session.get_inputs()}
    strange = sorted(name for name, kind in inputs.items() if (name, kind) not in _INPUTS)
    if strange:
        raise _unusable(model, f"its graph wants inputs that no text gives: {', '.join(strange)}")
    outputs = session.get_outputs()
    axes = {"embed": (3,), "rerank": (1, 2)}[model.task]
    if not outputs or outputs[0].type != "tensor(float)" or len(outputs[0].shape) not in axes:
        raise _unusable(
            model, f"the first output of its graph is not what a model gives that can {model.task}"
        )


def _unusable(model: InstalledModel, why: str) -> CorruptModelError:
    return CorruptModelError(
        f"Model {model.id} in {model.folder} cannot be used: {why}.", model_id=model.id, path=model.graph
    )


def _open_session(model: InstalledModel, underway: threading.Event) -> ort.InferenceSession:
    underway.set()
    options = ort.SessionOptions()
    # The workers are the parallelism: two single-thread runs beat one run on two threads.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(model.graph), options, providers=["CPUExecutionProvider"])
    except _ORT_ERRORS as exc:
        raise CorruptModelError(
            f"onnxruntime cannot load {model.graph} of model {model.id}: {exc}",
            model_id=model.id,
            path=model.graph,
        ) from exc


def _open_tokenizer(model: InstalledModel) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(model.tokenizer))
    except Exception as exc:  # tokenizers raises plain Exception
        raise CorruptModelError(
            f"{model.tokenizer} of model {model.id} is not a tokenizer file: {exc}",
            model_id=model.id,
            path=model.tokenizer,
        ) from exc
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
