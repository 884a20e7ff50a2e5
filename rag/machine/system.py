"""What tells on which kind of system this process runs: a machine, a container, and whose."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rag.config import present
from rag.machine.hosts import HOST_VARIABLES, Host, host_of, is_container_group
from rag.machine.mounts import Mount, mount_of, read_mounts

_MOUNTINFO = Path("/proc/self/mountinfo")
_CGROUP = Path("/proc/1/cgroup")
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # Docker's and Podman's
_LAYERED_TYPES = ("overlay", "overlayfs", "overlay2", "aufs", "fuse.fuse-overlayfs")


@dataclass(frozen=True, slots=True)
class System:
    """What a process can see of its system.

    `mountinfo` is the text of /proc/self/mountinfo, `variables` are the hosts' environment variables that
    are set, `marked` says whether a container's runtime left its mark.
    """

    mountinfo: str
    variables: frozenset[str] = frozenset()
    marked: bool = False

    @classmethod
    def here(cls) -> "System":
        """Return what this process sees."""
        marked = any(map(exists, _CONTAINER_MARKS)) or is_container_group(_text_of(_CGROUP))
        return cls(_text_of(_MOUNTINFO), present(HOST_VARIABLES), marked)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """The mounted file systems."""
        return read_mounts(self.mountinfo)

    @property
    def host(self) -> Host | None:
        """The host that it runs on, None for any other place."""
        return host_of(self.variables, contained=self._looks_contained())

    @property
    def contained(self) -> bool:
        """Whether it is a container."""
        return self._looks_contained() or self.host is not None

    def _looks_contained(self) -> bool:
        root = mount_of(PurePosixPath("/"), self.mounts)
        return self.marked or (root is not None and root.fs_type in _LAYERED_TYPES)


def exists(path: Path) -> bool:
    """Return whether this process can see that `path` is there."""
    try:
        return path.exists()
    except OSError:  # a folder above it may not be entered
        return False


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # not Linux
        return ""
