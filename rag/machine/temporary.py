"""Have a folder for temporary files, on a machine where none of the usual ones can be written to."""

import shutil
import tempfile
from pathlib import Path

from rag.amounts import bytes_in_words
from rag.machine.findings import Finding

# Large archives are held on the disk, file by file.
ROOM_BYTES = 200_000_000


def use_folder(fallback: Path) -> None:
    """Let temporary files go into `fallback` where the system has no folder for them, or none with room."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = str(fallback)


def temporary_finding(fallback: Path) -> Finding:
    """Return where temporary files go: into `fallback` where the system has no folder for them."""
    topic = "temporary files"
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        sentence = f"No folder for temporary files can be written to: they will go into {fallback}."
        return Finding(topic, "warn", sentence, "To have them elsewhere, set TMPDIR.")
    free = shutil.disk_usage(folder).free
    sentence = f"They go into {folder}; {bytes_in_words(free)} are free there."
    if free < ROOM_BYTES:
        wise = f"{bytes_in_words(ROOM_BYTES)} are wise: without them, no large archive can be read."
        return Finding(topic, "warn", f"{sentence} {wise}", "Make room, or set TMPDIR to another folder.")
    return Finding(topic, "ok", sentence)
