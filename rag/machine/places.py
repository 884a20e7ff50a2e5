"""Say on which kind of disk a folder lies, and whether what is put there survives."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from rag.machine.hosts import Host, Survives
from rag.machine.mounts import Mount, mount_of
from rag.machine.system import System, exists

Kind = Literal["container layer", "image", "volume", "memory", "disk", "unknown"]

# The Dockerfile leaves this file in the folder of the models that it bakes in: a process that runs as root
# may write there all the same.
BAKED = ".baked"

_MEMORY_TYPES = ("tmpfs", "ramfs")
# A volume that nobody named has 64 digits for a name, and Kubernetes puts an emptyDir below its kind. The
# next deployment gets new ones, empty.
_UNNAMED_VOLUME = re.compile(r"/volumes/[0-9a-f]{64}/_data(/|$)")
_POD_VOLUME = re.compile(r"/kubernetes\.io~empty-dir/")


@dataclass(frozen=True, slots=True)
class Nature:
    """What kind of place a path is, and why: its mount and the host, where they are known."""

    kind: Kind
    survives: Survives
    mount: Mount | None = None
    host: Host | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a folder is or would be, and what becomes of it.

    `examined` is `path` or, while that does not exist, the nearest folder above it that does; room and
    `writable` are its. `sentence` is for a person; `remedy` says what to do, and is empty where nothing is.
    """

    path: Path
    examined: Path
    mount_point: str
    fs_type: str
    free_bytes: int | None
    total_bytes: int | None
    writable: bool
    kind: Kind
    survives: Survives
    sentence: str
    remedy: str


def look(path: Path, system: System | None = None) -> Place:
    """Return what is known about the place `path`, which need not exist, on `system` (default: this one).

    Nothing is written.
    """
    resolved = _resolved(path)
    examined = next((folder for folder in (resolved, *resolved.parents) if exists(folder)), resolved)
    writable = examined.is_dir() and os.access(examined, os.W_OK | os.X_OK)
    # What is there and cannot be written was not made by this process.
    baked = exists(examined / BAKED) or (examined == resolved and not writable)
    nature = classify(examined, system or System.here(), baked=baked)
    free, total = _room(examined)
    sentence, remedy = describe(resolved, nature)
    return Place(
        path=resolved,
        examined=examined,
        mount_point=str(nature.mount.point) if nature.mount else "",
        fs_type=nature.mount.fs_type if nature.mount else "",
        free_bytes=free,
        total_bytes=total,
        writable=writable,
        kind=nature.kind,
        survives=nature.survives,
        sentence=sentence,
        remedy=remedy,
    )


def classify(path: PurePath, system: System, *, baked: bool = False) -> Nature:
    """Return the nature of the absolute `path` on `system`.

    `baked` says that, in a container, the folder would be the image's: nothing else made it.
    """
    mount, host = mount_of(path, system.mounts), system.host
    if mount is None:
        return Nature("unknown", "unknown")
    if mount.fs_type in _MEMORY_TYPES:
        return Nature("memory", "nothing", mount, host)
    if not system.contained:
        return Nature("disk", "always", mount)
    if mount.point.parent != mount.point:
        return Nature("volume", _survival_of_volume(mount, host), mount, host)
    # It came with the image, and comes with the next one.
    if mount.read_only or baked:
        return Nature("image", "always", mount, host)
    return Nature("container layer", host.forgets if host else "restart", mount, host)


def describe(path: Path, nature: Nature) -> tuple[str, str]:
    """Return one sentence about `path` for a person, and one that says what to do (empty: nothing)."""
    mount, host = nature.mount, nature.host
    if mount is None:
        return (
            f"{path}: this system does not say what kind of disk it is on.",
            "On a machine of your own it stays; on a hosted one, look up which folders do.",
        )
    on_host = f" on {host.name}" if host else ""
    where = f"({mount.fs_type}, mounted at {mount.point})"
    lost = "at every restart" if nature.survives == "nothing" else "with every new deployment"
    remedy = (
        f"{host.remedy if host else 'Mount a volume at this folder'}." if nature.survives != "always" else ""
    )
    match nature.kind:
        case "memory":
            return f"{path} is in memory {where}: lost at every restart.", "Name a folder on a disk."
        case "volume" if nature.survives == "always":
            return f"{path} is on a volume{on_host} {where}: it survives new deployments.", ""
        case "volume" if _UNNAMED_VOLUME.search(mount.root):
            named = f"Give the volume a name, as in: docker run -v reranklens:{mount.point}"
            return f"{path} is on a volume without a name {where}: lost {lost}.", named
        case "volume":
            return f"{path} is on a passing volume{on_host} {where}: lost {lost}.", remedy
        case "image":
            return f"{path} is part of the container's image {where}: every deployment brings it back.", ""
        case "container layer":
            return f"{path} is in the container's own layer{on_host} {where}: lost {lost}.", remedy
        case _:
            return f"{path} is on a disk of this machine {where}: it stays.", ""


def _survival_of_volume(mount: Mount, host: Host | None) -> Survives:
    if host and not mount.fs_type.startswith(host.keeps):
        return host.forgets
    unnamed = _UNNAMED_VOLUME.search(mount.root) or _POD_VOLUME.search(mount.root)
    return "restart" if unnamed else "always"


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links that lead in a circle
        return path.absolute()


def _room(path: Path) -> tuple[int | None, int | None]:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None, None
    return usage.free, usage.total
