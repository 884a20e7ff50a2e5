"""Read a graph's output: one logit of a reranker, one vector of an embedder."""

import numpy as np
from numpy.typing import NDArray

from rag.models.manifest import Reading

Output = NDArray[np.float32]


def logit(output: Output, reading: Reading) -> float:
    """Return the reranker's logit from `output`, float32 [labels].

    With several labels it is the log-odds of the relevant one against all others, so that its logistic
    function is the softmax probability of "relevant". Raises ValueError for any other shape.
    """
    values = np.ravel(output)
    if len(values) != reading.labels:
        raise ValueError(f"it gives {len(values)} numbers for a pair, and its manifest says {reading.labels}")
    if reading.labels == 1:
        return float(values[0])
    others = np.delete(values.astype(np.float64), reading.relevant_label)
    highest = others.max()
    return float(values[reading.relevant_label] - highest - np.log(np.exp(others - highest).sum()))


def unit_vector(output: Output, reading: Reading) -> NDArray[np.float32]:
    """Return the embedder's vector from `output`, float32 [tokens, dim], pooled and of length 1.

    Every token counts: texts are fed one by one, so none is padding. Raises ValueError for a vector
    without a direction.
    """
    match reading.pooling:
        case "cls":
            pooled = output[0]
        case "mean":
            pooled = output.mean(axis=0)
        case "last":
            pooled = output[-1]
    length = np.linalg.norm(pooled)
    if not length > 0:
        raise ValueError("its vector of a text has no length")
    unit: NDArray[np.float32] = pooled / length
    return unit
