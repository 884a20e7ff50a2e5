"""How much memory this process may still take, and how much the chosen models will want."""

from collections.abc import Iterable
from pathlib import Path

# Each a little above what was measured in whole processes, so that their sum is an upper estimate: with the
# default models (34 MB each), and with int8 exports of 118 and 568 million parameters and 250,000 words.
BASE_BYTES = 150_000_000  # Python, the server and its libraries
LOADED_PER_GRAPH_BYTE = 2.0  # read, and copied into the form that runs fastest
# Larger weights lie in a file of their own, which is mapped: a page of it comes in when it is needed.
LOADED_PER_MAPPED_BYTE = 1.0
LOADED_PER_TOKENIZER_BYTE = 15.0  # a vocabulary of 250,000 words: 16 MB on the disk, 217 MB as a tree
WORKING_BYTES_PER_THREAD = 100_000_000  # one pair of 512 tokens: 50 MB with the small models, 98 MB at most

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
# Version 1 writes a number near 2 ** 63 where nothing limits the group.
_UNLIMITED = 2**60


def loaded_bytes(*, graph: int, mapped: int, tokenizer: int) -> int:
    """Return about how many bytes a model holds in memory whose files are of these sizes.

    `mapped` are weights that lie beside the graph.
    """
    return int(
        LOADED_PER_GRAPH_BYTE * graph
        + LOADED_PER_MAPPED_BYTE * mapped
        + LOADED_PER_TOKENIZER_BYTE * tokenizer
    )


def estimated_need(loaded: Iterable[int], *, threads: int) -> int:
    """Return about how many bytes serving takes with models that hold `loaded` bytes each."""
    return BASE_BYTES + sum(loaded) + threads * WORKING_BYTES_PER_THREAD


def memory_left() -> int | None:
    """Return how many bytes this process may still take, None where the system does not say."""
    lefts = [left for left in (machine_left(_MEMINFO), group_left(_CGROUP)) if left is not None]
    return min(lefts, default=None)


def machine_left(meminfo: Path) -> int | None:
    """Return what the machine has left, as the file /proc/meminfo says."""
    return _field(meminfo, "MemAvailable:", scale=1024)


def group_left(cgroup: Path) -> int | None:
    """Return what the container's limit leaves, as files below `cgroup` say; None where there is no limit."""
    for folder, limit_name, used_name, cache_name in (
        (cgroup, "memory.max", "memory.current", "inactive_file"),
        (cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and used is not None and limit < _UNLIMITED:
            # What was read from files counts as used, but is given back when somebody needs it.
            cached = _field(folder / "memory.stat", cache_name) or 0
            return max(0, limit - used + min(cached, used))
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # version 2 writes "max" where nothing limits the group
        return None


def _field(path: Path, name: str, *, scale: int = 1) -> int | None:
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
        return next((int(row[1]) * scale for row in rows if row[:1] == [name]), None)
    except (OSError, ValueError, IndexError):
        return None
