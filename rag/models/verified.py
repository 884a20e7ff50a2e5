"""Remember which files were read whole and what their sha256 was, so that the next start need not."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

VERIFIED = "verified.json"


class Verified:
    """The known sha256 of files in one folder, each good for as long as its file is untouched.

    Untouched: of the same size, with the same times of last change of content and of inode. The second
    cannot be set back by whoever changes a file; `python -m rag models check` looks past all of this.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / VERIFIED
        self._known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            known = json.loads(self._path.read_text(encoding="utf-8"))
            self._known = known if isinstance(known, dict) else {}
        self._news = False

    def sha256(self, path: Path, *, again: bool = False) -> str:
        """Return the sha256 of `path`, in hex; with `again` it is computed anew. Raises OSError."""
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
            known = self._known.get(path.name)
            if not again and isinstance(known, list) and known[:-1] == stamp:
                return str(known[-1])
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        self._known[path.name] = [*stamp, found]
        self._news = True
        return found

    def remember(self) -> None:
        """Keep what was computed for the next start; where the folder is read-only, it computes again."""
        if not self._news:
            return
        with suppress(OSError):
            new = self._path.with_name(f".{VERIFIED}.{os.getpid()}")
            new.write_text(json.dumps(self._known), encoding="utf-8")
            new.replace(self._path)
