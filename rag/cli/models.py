"""`models`: the catalogue and the cache."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from rag.amounts import bytes_in_words, duration
from rag.cli.common import add_json, as_json
from rag.config import Settings
from rag.errors import CorruptModelError, ModelError, RagError
from rag.models import turns
from rag.models.cache import InstalledModel, check, find, installed
from rag.models.catalog import CATALOG, CatalogEntry
from rag.models.once import Exported, ExportRequest, export
from rag.models.progress import Progress
from rag.wording import keeping, parity_in_words, progress_in_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|export|check|path")
    listing = actions.add_parser("list", help="the catalogue, and what is on this machine")
    exporting = actions.add_parser("export", help="make an ONNX model of a PyTorch one, once")
    exporting.add_argument("models", nargs="+", metavar="ID_OR_FOLDER", help="of the hub, or a local folder")
    exporting.add_argument(
        "--quantize", choices=("int8", "none"), default="int8", help="default: %(default)s; none keeps fp32"
    )
    exporting.add_argument("--revision", metavar="R", help="a branch, tag or commit of the hub")
    exporting.add_argument("--task", choices=("rerank", "embed"), help="default: as the model's files say")
    exporting.add_argument(
        "--trust-remote-code", action="store_true", help="run Python code that comes with the model"
    )
    checking = actions.add_parser("check", help="compute every sha256 again; without ID, of every model")
    where = actions.add_parser("path", help="print the model's folder")
    for action, nargs in ((checking, "?"), (where, None)):
        action.add_argument(
            "model", nargs=nargs, metavar="ID", help="a model of the catalogue or the cache, or a folder"
        )
    for action in (listing, exporting, checking, where):
        add_json(action)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; return 1 when a model failed."""
    cache = Settings.from_env().model_cache
    match args.action:
        case "list":
            return _list(cache, as_lines=not args.json)
        case "export":
            return _export(args, cache)
        case "check":
            return _check(args.model, cache, as_lines=not args.json)
        case _:
            return _path(find(args.model, cache), as_line=not args.json)


def _list(cache: Path, *, as_lines: bool) -> int:
    here = list(installed(cache))
    models = [model for model in here if isinstance(model, InstalledModel)]
    broken = [model for model in here if isinstance(model, CorruptModelError)]
    if not as_lines:
        known = [{**asdict(entry), "installed": _ids(models, entry.id)} for entry in CATALOG]
        body = {
            "cache": str(cache),
            "catalogue": known,
            "installed": [_facts(model) for model in models],
            "broken": [{"path": str(error.path), "message": str(error)} for error in broken],
        }
        print(as_json(body))
        return int(bool(broken))
    print(f"On this machine (cache: {cache})")
    for model in models:
        print(f"  {model.task:6}  {model.id}  {bytes_in_words(model.size_bytes)}  {model.folder}")
    for error in broken:
        print(f"  broken  {error}")
    print("\nThe catalogue")
    for entry in CATALOG:
        print("\n".join(_entry_lines(entry, here=bool(_ids(models, entry.id)))))
    return int(bool(broken))


def _entry_lines(entry: CatalogEntry, *, here: bool) -> list[str]:
    licence = entry.licence if entry.commercial else f"{entry.licence}, not for commercial use"
    languages = ",".join(entry.languages[:7]) + (",…" if entry.more_languages else "")
    state = "here" if here else f"{entry.download_mb} MB to fetch"
    return [
        f"  {entry.task:6}  {entry.id}: {state}",
        f"          {entry.parameters_m} million parameters, {languages}, {licence}",
        f"          {entry.choose}",
    ]


def _export(args: argparse.Namespace, cache: Path) -> int:
    for name in turns.sweep(cache):
        print(f"Removed what a killed export had left: {name}", file=sys.stderr)
    failures: list[RagError] = []
    results: list[dict[str, object]] = []
    for source in args.models:
        request = ExportRequest(source, args.task, args.quantize, args.revision, args.trust_remote_code)
        display = _Display(source)
        try:
            done = export(request, cache, display.show)
        except RagError as exc:
            display.end()
            failures.append(exc)
            results.append({"source": source, "error": {"type": type(exc).__name__, "message": str(exc)}})
            if not args.json:
                print(f"error: {exc}", file=sys.stderr)
            continue
        display.end()
        results.append({"source": source, **_facts(done.model), "made": done.made, "seconds": done.seconds})
        if not args.json:
            print("\n".join(_lines(done, waited=display.waited)))
    if args.json:
        print(as_json({"models": results}))
    return int(bool(failures))


def _lines(done: Exported, *, waited: bool) -> list[str]:
    model = done.model
    how = (
        f"exported in {duration(done.seconds)}"
        if done.made
        else "another process exported it meanwhile"
        if waited
        else "was here already; nothing was exported"
    )
    lines = [f"{model.id}: {how}.", f"  {bytes_in_words(model.size_bytes)} in {model.folder}"]
    if model.manifest:
        lines += [f"  {line}" for line in (parity_in_words(model.manifest), *model.manifest.notes)]
    setting = "RAG_RERANKER" if model.task == "rerank" else "RAG_EMBEDDER"
    return [*lines, f"  Use it: {keeping(setting, model.id)}"]


def _check(reference: str | None, cache: Path, *, as_lines: bool) -> int:
    """Check one model, or every one; a single one that fails is an error, of several each is told."""
    if reference is not None:
        model = find(reference, cache)
        check(model, again=True)
        print(_whole(model) if as_lines else as_json({**_facts(model), "ok": True}))
        return 0
    results = [(model, _problem(model)) for model in installed(cache)]
    if as_lines:
        print("\n".join(problem or _whole(cast(InstalledModel, model)) for model, problem in results))
    else:
        rows = [
            {"id": model.model_id if isinstance(model, CorruptModelError) else model.id, "ok": not problem}
            | {"message": problem}
            for model, problem in results
        ]
        print(as_json({"models": rows}))
    return int(any(problem for _, problem in results))


def _problem(model: InstalledModel | CorruptModelError) -> str | None:
    if isinstance(model, CorruptModelError):
        return str(model)
    try:
        check(model, again=True)
    except ModelError as exc:
        return str(exc)
    return None


def _whole(model: InstalledModel) -> str:
    return f"{model.id}: every file in {model.folder} is the one that was promised."


def _path(model: InstalledModel, *, as_line: bool) -> int:
    print(model.folder if as_line else as_json({"id": model.id, "path": str(model.folder)}))
    return 0


def _facts(model: InstalledModel) -> dict[str, object]:
    return {
        "id": model.id,
        "task": model.task,
        "path": str(model.folder),
        "size_bytes": model.size_bytes,
        "sha256": model.sha256,
        "manifest": asdict(model.manifest) if model.manifest else None,
    }


def _ids(models: Sequence[InstalledModel], entry_id: str) -> list[str]:
    return [m.id for m in models if entry_id in (m.id, m.manifest.id if m.manifest else None)]


class _Display:
    """An export's phases on standard error: a line for each, rewritten as it goes on a terminal."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._phase = ""
        self._live = sys.stderr.isatty()
        self.waited = False

    def show(self, progress: Progress) -> None:
        """Show how far the export is."""
        key = f"{progress.phase} {progress.waiting}"
        if key == self._phase and not self._live:
            return
        if key != self._phase and self._phase and self._live:
            print(file=sys.stderr)
        self._phase = key
        self.waited = self.waited or progress.waiting
        line = f"{self._source}: {progress_in_words(progress)}"
        print(
            f"\r\033[K{line}" if self._live else line,
            end="" if self._live else "\n",
            file=sys.stderr,
            flush=True,
        )

    def end(self) -> None:
        """Leave the line of the last phase."""
        if self._live and self._phase:
            print(file=sys.stderr)
