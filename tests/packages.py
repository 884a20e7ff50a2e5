"""Small ZIP packages made from the names and contents of their files."""

import io
import zipfile
from collections.abc import Mapping


def package(files: Mapping[str, str | bytes]) -> bytes:
    """Return a package with `files`, which are compressed but for a `mimetype`."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, compress_type=stored)
    return target.getvalue()
