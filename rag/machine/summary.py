"""Say in a few words which machine this is: what figures of time were measured on."""

import platform
from dataclasses import dataclass
from pathlib import Path

from rag.config import usable_cores
from rag.machine.system import System

_CPUINFO, _MEMINFO = Path("/proc/cpuinfo"), Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a process can tell of its machine: `memory_bytes` is all that there is, None where unknown."""

    processor: str
    cores: int
    memory_bytes: int | None
    system: str
    python: str


def this_machine() -> Machine:
    """Return what this process sees of its machine; `cores` are those that it may use."""
    contained = ", in a container" if System.here().contained else ""
    memory = _first(_MEMINFO, "MemTotal").partition(" ")[0]
    return Machine(
        processor=_first(_CPUINFO, "model name") or platform.processor() or platform.machine(),
        cores=usable_cores(),
        memory_bytes=int(memory) * 1024 if memory.isdecimal() else None,
        system=f"{platform.system()} {platform.release()} {platform.machine()}{contained}",
        python=platform.python_version(),
    )


def _first(path: Path, name: str) -> str:
    """Return the value of the first line `name: value` of a file, empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
