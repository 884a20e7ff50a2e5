"""Say on which kind of disk a folder lies, and whether what is put there survives."""

import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from rag.config import present
from rag.machine.hosts import HOST_VARIABLES, Host, Survives, host_of, is_container_group
from rag.machine.mounts import Mount, mount_of, read_mounts

Kind = Literal["container layer", "read-only image", "volume", "memory", "disk", "unknown"]

_MOUNTINFO = Path("/proc/self/mountinfo")
_CGROUP = Path("/proc/1/cgroup")
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # Docker's and Podman's

_MEMORY_TYPES = ("tmpfs", "ramfs")
_LAYERED_TYPES = ("overlay", "overlayfs", "overlay2", "aufs", "fuse.fuse-overlayfs")
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


def look(path: Path) -> Place:
    """Return what is known about the place `path`, which need not exist. Nothing is written."""
    resolved = _resolved(path)
    examined = next((folder for folder in (resolved, *resolved.parents) if _exists(folder)), resolved)
    writable = examined.is_dir() and os.access(examined, os.W_OK | os.X_OK)
    nature = classify(
        examined,
        _text_of(_MOUNTINFO),
        present(HOST_VARIABLES),
        marked=any(map(_exists, _CONTAINER_MARKS)) or is_container_group(_text_of(_CGROUP)),
        writable=writable,
    )
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


def classify(
    path: PurePath, mountinfo: str, variables: Collection[str], *, marked: bool, writable: bool = True
) -> Nature:
    """Return the nature of the absolute `path`.

    `mountinfo` is the text of /proc/self/mountinfo, `variables` the names of the environment variables
    that are set, `marked` whether the container's runtime left its mark on this system.
    """
    mounts = read_mounts(mountinfo)
    mount, root = mount_of(path, mounts), mount_of(PurePath("/"), mounts)
    if mount is None:
        return Nature("unknown", "unknown")
    looks_contained = marked or (root is not None and root.fs_type in _LAYERED_TYPES)
    host = host_of(variables, contained=looks_contained)
    if mount.fs_type in _MEMORY_TYPES:
        return Nature("memory", "nothing", mount, host)
    if not looks_contained and host is None:
        return Nature("disk", "always", mount)
    if mount.point.parent != mount.point:
        return Nature("volume", _survival_of_volume(mount, host), mount, host)
    # What this process cannot write it did not write: it came with the image, and comes with the next one.
    if mount.read_only or not writable:
        return Nature("read-only image", "always", mount, host)
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
        case "read-only image":
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


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder above it may not be entered
        return False


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # not Linux
        return ""


def _room(path: Path) -> tuple[int | None, int | None]:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None, None
    return usage.free, usage.total
