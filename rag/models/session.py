"""Run an ONNX text model: its tokenizer, its graph, nothing else."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnxruntime as ort
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
_HEAD_START_S = 0.05  # a large graph lets go of the lock after 0.03


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text, or a pair, as the model is fed it.

    `tokens` counts the text's (a pair's passage's) tokens, `tokens_read` those within the model's
    window; both without special tokens.
    """

    encoding: Encoding
    tokens: int
    tokens_read: int


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

    def encode_pairs(self, query: str, passages: Sequence[str]) -> list[Encoded]:
        """Return `query` with each passage as the model is fed them, in input order.

        Where a pair is too long its passage is cut; only a query that leaves the passage less than 128
        tokens (or half the window) is cut itself.
        """
        question = self._tokenizer.encode(query, add_special_tokens=False)
        question.truncate(self._query_room)
        room = self._pair_room - len(question.ids)
        whole = self._tokenizer.encode_batch(list(passages), add_special_tokens=False)
        return [self._finish(encoding, room, 0, question) for encoding in whole]

    def query_tokens_unread(self, query: str) -> int:
        """Return how many tokens of `query` the model has no room for beside a passage."""
        unread = len(self.offsets(query)) - self._query_room
        return max(0, unread)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of the whole `text`, special tokens left out."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def run(
        self, encoded: Sequence[Encoded], read: Callable[[Output], T], pulse: Pulse | None = None
    ) -> list[T]:
        """Return `read(output)` for each text or pair, in input order.

        `output` is the graph's first one without the batch axis, float32. It is read in the worker, so
        that a long list never holds every token's vector at once. `pulse` hears how many are done of the
        stage `score`; when it raises, no further text is begun. Raises ModelError when the graph cannot
        read a text, or gives numbers that mean nothing.
        """
        # Longest first, so that no worker is left with a long text when the others are done.
        order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i].encoding.ids))
        running = {i: self._workers.submit(self._read, encoded[i].encoding, read) for i in order}
        try:
            if pulse:
                _attend(running.values(), pulse)
            values = [running[i].result() for i in range(len(encoded))]
        finally:
            for future in running.values():
                future.cancel()
        self.used = self.used or bool(encoded)
        return values

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
        return Encoded(self._tokenizer.post_process(*parts), tokens, read)

    def _read(self, encoding: Encoding, read: Callable[[Output], T]) -> T:
        try:
            output = self._run_one(encoding)
            if not np.isfinite(output).all():
                raise ValueError("it gives numbers that are not finite")
            return read(output)
        except (ValueError, *_ORT_ERRORS) as exc:
            raise _unusable(self.model, str(exc)) from exc

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


def _attend(running: Collection[Future[T]], pulse: Pulse) -> None:
    """Tell `pulse` how many have run until all have, or one has failed."""
    left: Collection[Future[T]] = running
    while left:
        done, left = wait(left, _TICK_S, FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            return
        if left:
            pulse("score", len(running) - len(left), len(running))


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
