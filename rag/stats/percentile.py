"""Say how long most took."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` that at least `share` (0.95 for p95) of them do not exceed.

    It is the nearest rank: always a value that was measured. There must be at least one.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
