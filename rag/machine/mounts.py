"""Find the mounted file system that a path lies on, as Linux lists them in /proc/self/mountinfo."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

# The kernel writes space, tab, newline and backslash in these fields as three octal digits.
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system: `root` is the part of it that is seen at `point`."""

    root: str
    point: PurePosixPath
    fs_type: str
    read_only: bool


def read_mounts(mountinfo: str) -> tuple[Mount, ...]:
    """Return the mounts that the text of /proc/self/mountinfo lists, in its order.

    A line that is not in the expected form is left out.
    """
    return tuple(mount for line in mountinfo.splitlines() if (mount := _read_line(line)))


def mount_of(path: PurePath, mounts: Iterable[Mount]) -> Mount | None:
    """Return the mount that the absolute `path` lies on; None when `mounts` has none for it."""
    found: Mount | None = None
    for mount in mounts:
        covers = path == mount.point or mount.point in path.parents
        # Of two mounts at one point, the later one hides the earlier.
        if covers and (found is None or len(mount.point.parts) >= len(found.point.parts)):
            found = mount
    return found


def _read_line(line: str) -> Mount | None:
    fields = line.split(" ")
    try:
        # Before the dash are six fields and any number of optional ones; after it type, source, options.
        dash = fields.index("-", 6)
        fs_type, options = fields[dash + 1], f"{fields[5]},{fields[dash + 3]}".split(",")
    except (ValueError, IndexError):
        return None
    return Mount(_decoded(fields[3]), PurePosixPath(_decoded(fields[4])), fs_type, "ro" in options)


def _decoded(field: str) -> str:
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 8)), field)
