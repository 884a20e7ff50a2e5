"""See how much memory the process holds, and give back what it no longer needs."""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Return how much of the process lies in memory now; None where the system does not say (no /proc)."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def give_memory_back() -> None:
    """Collect garbage, and hand the memory that is free after it back to the system."""
    gc.collect()
    if sys.platform == "linux":
        # Freed blocks stay with glibc otherwise; other C libraries lack the function, and the need.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
