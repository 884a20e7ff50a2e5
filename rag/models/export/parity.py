"""Compare an exported model with its original, on fixed texts."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.config import usable_cores
from rag.errors import ExportError
from rag.models.cache import InstalledModel
from rag.models.export.texts import QUESTIONS
from rag.models.manifest import Parity, Reading, Task
from rag.models.outputs import logit, unit_vector
from rag.models.session import OnnxModel

# An unquantized graph does the same arithmetic in another order; more than this is an error in it.
MAX_FP32_DIFFERENCE = 1e-3
# But no more than this share of what the original tells texts apart by, or a model whose scores all lie
# close together would pass with any graph.
MAX_FP32_SHARE = 0.05
_ROUNDING = 1e-5

# Two passages whose scores lie this far apart are clearly ordered: a logit of 1 is a factor of 2.7 in
# odds; a model whose logits all lie close together means a quarter of their spread. The cosines of one
# question's passages rarely span more than a few tenths.
CLEAR_LOGIT, CLEAR_SHARE, CLEAR_COSINE = 1.0, 0.25, 0.05
MIN_AGREEMENT = 0.9
# The default reranker's int8 graph drifts by at most 0.6 logit over a spread of 22.
MAX_DRIFT_SHARE = 0.2
# Below this nothing is told apart, and nothing is lost: so untrained models, too, can be exported.
LITTLE_LOGIT = 0.1
MAX_DRIFT_COSINE = 0.05  # bge-small in int8: 0.0045

EXPECTED = "expected.npy"  # what the original says, kept between the steps
_LONG = 512  # tokens: filling a window beyond it would take minutes


@dataclass(frozen=True, slots=True)
class Fixed:
    """The texts that both are given: questions, passages, and which passage goes with which question."""

    questions: tuple[str, ...]
    passages: tuple[str, ...]
    of_question: tuple[int, ...]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each passage with its question, in the order of the passages."""
        return tuple((self.questions[q], p) for q, p in zip(self.of_question, self.passages, strict=True))


def fixed_texts(reading: Reading) -> Fixed:
    """Return the texts for a model with this window, one of them longer than it where it is not too long."""
    # Beyond half the window, the original's own way of cutting a pair is another than ours.
    tokens = max(1, reading.max_tokens // 4)
    questions: list[str] = []
    passages: list[str] = []
    of_question: list[int] = []
    for number, (question, answers) in enumerate(QUESTIONS):
        questions.append(question)
        passages += answers
        of_question += [number] * len(answers)
    if reading.max_tokens <= _LONG:
        everything = " ".join(passages)
        passages.append(everything)
        of_question.append(0)
    # A character is a token at most.
    return Fixed(tuple(q[:tokens] for q in questions), tuple(passages), tuple(of_question))


def checked(
    folder: Path,
    name: str,
    expected: NDArray[np.float32],
    *,
    task: Task,
    reading: Reading,
    reference: str,
    before: Parity | None = None,
) -> Parity:
    """Return how the graph in `folder` compares with the original's `expected` on the fixed texts.

    `before` is the comparison of the unquantized graph; without it, this one is that. Raises ExportError
    where the graph is not true enough to its original.
    """
    texts = fixed_texts(reading)
    # It has no manifest yet, and nothing asks for its size or fingerprint.
    installed = InstalledModel(id=name, task=task, sha256="", reading=reading, folder=folder, size_bytes=0)
    model = OnnxModel(installed, threads=usable_cores())
    found = scores(model, task, texts)
    model.close()
    parity = compare(expected, found, task=task, texts=texts, reference=reference, before=before)
    refuse_untrue(parity, name, task=task, quantized=before is not None)
    return parity


def scores(model: OnnxModel, task: Task, texts: Fixed) -> NDArray[np.float32]:
    """Return what the exported `model` says of `texts`: logits [pairs], or unit vectors [texts, dim]."""
    reading = model.model.reading
    if task == "rerank":
        encoded = [model.encode_pairs(question, [passage])[0] for question, passage in texts.pairs]
        return np.array(model.run(encoded, lambda output: logit(output, reading)), dtype=np.float32)
    encoded = [
        *model.encode_texts(texts.questions, reading.query_prefix),
        *model.encode_texts(texts.passages, reading.passage_prefix),
    ]
    return np.stack(model.run(encoded, lambda output: unit_vector(output, reading)))


def compare(
    expected: NDArray[np.float32],
    found: NDArray[np.float32],
    *,
    task: Task,
    texts: Fixed,
    reference: str,
    before: Parity | None = None,
) -> Parity:
    """Return how `found` compares with the original's `expected`.

    `before` is the comparison of the unquantized graph; without it, this one is that.
    """
    if task == "rerank":
        drift = float(np.abs(expected - found).max())
        original, ours = expected, found
        clear = min(CLEAR_LOGIT, max(LITTLE_LOGIT, CLEAR_SHARE * float(np.ptp(expected))))
    else:
        drift = float((1.0 - (expected.astype(np.float64) * found).sum(axis=1)).max())
        original, ours = _cosines(expected, texts), _cosines(found, texts)
        clear = CLEAR_COSINE
    kept, pairs = _order_kept(original, ours, texts, clear)
    return Parity(
        reference=reference,
        texts=len(found),
        fp32_difference=before.fp32_difference if before else drift,
        drift=drift,
        spread=float(original.max() - original.min()),
        clear_pairs=pairs,
        agreement=kept / pairs if pairs else None,
    )


def refuse_untrue(parity: Parity, name: str, *, task: Task, quantized: bool) -> None:
    """Raise ExportError where the comparison shows a graph that is not true to its original."""
    what = "logit" if task == "rerank" else "1 - cosine"
    limit = _limit(parity, task, quantized)
    agreement = 1.0 if parity.agreement is None else parity.agreement
    # Written so that a comparison with "not a number" refuses, too.
    if not (parity.drift <= limit and agreement >= MIN_AGREEMENT):
        kind, more = ("int8", "Export it with --quantize none.") if quantized else ("ONNX", "")
        raise ExportError(
            f"The {kind} graph of {name} is not true to its original, so it was not kept: on {parity.texts} "
            f"fixed texts the largest difference of {what} is {parity.drift:.2g} (at most {limit:.2g}), and "
            f"{agreement:.0%} of {parity.clear_pairs} clearly ordered pairs of passages kept their order (at "
            f"least {MIN_AGREEMENT:.0%}). {more}".rstrip(),
            model_id=name,
        )


def _limit(parity: Parity, task: Task, quantized: bool) -> float:
    if not quantized:
        return min(MAX_FP32_DIFFERENCE, max(_ROUNDING, MAX_FP32_SHARE * parity.spread))
    if task == "embed":
        return MAX_DRIFT_COSINE
    return max(LITTLE_LOGIT, MAX_DRIFT_SHARE * parity.spread)


def _cosines(vectors: NDArray[np.float32], texts: Fixed) -> NDArray[np.float32]:
    """Return the cosine of each passage with its question, float32 [passages]."""
    n = len(texts.questions)
    cosines: NDArray[np.float32] = (vectors[:n][list(texts.of_question)] * vectors[n:]).sum(axis=1)
    return cosines


def _order_kept(
    original: NDArray[np.float32], ours: NDArray[np.float32], texts: Fixed, clear: float
) -> tuple[int, int]:
    """Return how many clearly ordered pairs of one question's passages kept their order, of how many."""
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(texts.of_question), start=1) if a != b)]
    kept = pairs = 0
    for start, end in pairwise([*starts, len(texts.of_question)]):
        for i in range(start, end):
            for j in range(start, end):
                if original[i] - original[j] >= clear:
                    pairs += 1
                    kept += bool(ours[i] > ours[j])
    return kept, pairs
