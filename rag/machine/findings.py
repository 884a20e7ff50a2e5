"""What an examination finds."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `level` is "fail" where something that was chosen cannot be used, or where nothing can be answered.
    `remedy` says what to do, and is empty where there is nothing to do, or where the sentence says it
    already.
    """

    topic: str
    level: Level
    sentence: str
    remedy: str = ""
