"""What a logit is shown as."""

import math


def sigmoid(logit: float) -> float:
    """Return the logistic function of `logit`, in [0, 1]."""
    # Two branches, so that exp never overflows.
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)
