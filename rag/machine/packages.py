"""Look at the installed Python packages, importing none of them."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rag.machine.findings import Finding

SERVING, EXPORTING = "packages for serving", "packages for exporting"
_ROOT = Path(__file__).resolve().parents[2]
_SERVE_FILE, _EXPORT_FILE = "requirements-serve.txt", "requirements.txt"
_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s#;]+)")
# Named in full: another Python's pip would install beside this one.
PIP = f"{sys.executable} -m pip install"
# What only exporting needs, and the one command that brings it all.
PACKAGES = ("torch", "transformers", "sentence-transformers", "optimum", "optimum-onnx", "onnx")
INSTALL = f"{PIP} -r {_EXPORT_FILE}"
BAKE = "In a container: name the models in EXPORT_MODELS and build its image again, docs/deploy.md."


@dataclass(frozen=True, slots=True)
class Pinned:
    """A package in the one version that was tried."""

    name: str
    version: str


def pinned(text: str) -> tuple[Pinned, ...]:
    """Return the pinned packages in the `text` of a requirements file."""
    return tuple(Pinned(*match.groups()) for line in text.splitlines() if (match := _PINNED.match(line)))


def installed_version(name: str) -> str | None:
    """Return the installed version of the package `name`, None where there is none, or half of one."""
    try:
        # Of a package that was half removed, the version is None, whatever its type says.
        return version(name) or None
    except PackageNotFoundError:
        return None


def serving_findings(root: Path = _ROOT) -> tuple[Finding, ...]:
    """Return what is wrong with the packages that serving needs, or one finding that all are well."""
    try:
        wanted = pinned((root / _SERVE_FILE).read_text(encoding="utf-8"))
    except OSError as exc:
        problem = f"{root / _SERVE_FILE} cannot be read ({exc.strerror}), so no package was looked at."
        return (Finding(SERVING, "warn", problem, "Copy the file from the release."),)
    found = {package: installed_version(package.name) for package in wanted}
    problems = [_problem(package, has) for package, has in found.items() if has != package.version]
    well = ", ".join(f"{package.name} {package.version}" for package in wanted)
    return tuple(problems) or (Finding(SERVING, "ok", f"All {len(wanted)} are here: {well}."),)


def missing_for_export() -> tuple[str, ...]:
    """Return the packages that exporting needs and this Python lacks."""
    return tuple(name for name in PACKAGES if installed_version(name) is None)


def exporting_finding(missing: Sequence[str], *, contained: bool) -> Finding:
    """Return whether models can be exported, where the packages `missing` are not installed.

    `contained` says that this is a container, which would forget what is installed into it.
    """
    if not missing:
        return Finding(EXPORTING, "ok", "All are here: models can be exported.")
    sentence = f"Not installed: {', '.join(missing)}. Only exporting a model needs them."
    remedy = BAKE if contained else f"To export: {INSTALL}"
    return Finding(EXPORTING, "warn", sentence, remedy)


def _problem(package: Pinned, has: str | None) -> Finding:
    repair = f"{PIP} {package.name}=={package.version}"
    if has is None:
        return Finding(
            SERVING, "fail", f"{package.name} {package.version} is not installed.", f"Run: {repair}"
        )
    sentence = f"{package.name} {has} is installed; this release was tried with {package.version}."
    return Finding(SERVING, "warn", sentence, f"Run: {repair}")
