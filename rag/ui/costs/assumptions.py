"""The figures that the page begins with, each with where it is from: the worked example.

None of them can be checked here. They are there to be replaced by one's own.
"""

from dataclasses import dataclass
from typing import Literal

Name = Literal[
    "questions", "open_hours", "price_hour", "price_month", "seconds", "start_s", "idle_s",
    "machine_local", "machine_remote",
]  # fmt: skip

# What the product was made to replace: a remote GPU for so much a month, and an answer that took so long, of
# which only so much was inference.
FOUNDING_MONTH = (30.0, 50.0)
FOUNDING_ANSWER_S = 56.0
FOUNDING_INFERENCE_S = 2.6


@dataclass(frozen=True, slots=True)
class Assumption:
    """A figure: what it is called, its value and unit, where it is from, and of when that is."""

    name: Name
    label: str
    value: float
    unit: str
    source: str
    as_of: str


_FOUNDING = "not dated"
_OURS = "assumed"

ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(
        "questions",
        "Questions a month",
        1_500,
        "questions",
        "Chosen so that the other figures come to what the founding deployment paid: $30 to $50 a month.",
        _OURS,
    ),
    Assumption(
        "open_hours",
        "Hours a month in which they come",
        176,
        "hours",
        "22 working days of 8 hours. Around the clock are 730.",
        _OURS,
    ),
    Assumption(
        "price_hour",
        "Price an hour",
        0.80,
        "$ an hour",
        "An NVIDIA L4 at Modal, $0.7992, as a public comparison of prices quoted it on 7 May 2026. An "
        "example: not checked since, without processor, memory and regional surcharges.",
        "7 May 2026",
    ),
    Assumption(
        "price_month",
        "Price a month",
        sum(FOUNDING_MONTH) / 2,
        "$ a month",
        "The middle of the $30 to $50 a month that the founding deployment paid.",
        _FOUNDING,
    ),
    Assumption(
        "seconds",
        "Seconds a question, while it is up",
        FOUNDING_INFERENCE_S,
        "s",
        "The founding deployment: 56 s for an answer, of which 2.6 s were inference.",
        _FOUNDING,
    ),
    Assumption(
        "start_s",
        "Seconds of a cold start",
        round(FOUNDING_ANSWER_S - FOUNDING_INFERENCE_S, 1),
        "s",
        "The founding deployment: the rest of the 56 s for an answer, in which a model was made ready.",
        _FOUNDING,
    ),
    Assumption(
        "idle_s",
        "Idle seconds before it stops",
        60,
        "s",
        "A minute. The service's own settings say what it is, and mostly it can be chosen.",
        _OURS,
    ),
    Assumption(
        "machine_local",
        "Machine a month, reranking here",
        10.0,
        "$ a month",
        "A small virtual server of 2 cores and 4 GB, as an example. Put 0 where the machine runs anyway.",
        _OURS,
    ),
    Assumption(
        "machine_remote",
        "Machine a month, reranking there",
        10.0,
        "$ a month",
        "The same machine: page, library and retriever run here in both cases.",
        _OURS,
    ),
)
BY_NAME = {each.name: each for each in ASSUMPTIONS}
