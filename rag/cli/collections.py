"""`collections`: list, make, rename, delete, export and import them, or a data set."""

import argparse
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from rag.amounts import counted
from rag.cli.common import add_json, as_json, settings_for
from rag.errors import InputFileError
from rag.library import Library
from rag.report.data_sets import beir_folder, beir_zip
from rag.report.imports import IMPORTED
from rag.service import open_embedders, open_library
from rag.transfer import export_file, import_collection


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lists = actions.add_parser("list", help="the collections, with how much is in them")
    create = actions.add_parser("create", help="make an empty collection")
    create.add_argument("name", metavar="NAME")
    rename = actions.add_parser("rename", help="call a collection something else")
    rename.add_argument("name", metavar="NAME")
    rename.add_argument("new_name", metavar="NEW_NAME")
    delete = actions.add_parser("delete", help="delete a collection with all that is in it, for good")
    delete.add_argument("name", metavar="NAME")
    export = actions.add_parser("export", help="write a whole collection to one file")
    export.add_argument("name", metavar="NAME")
    export.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: NAME.zip")
    imports = actions.add_parser(
        "import", help="make an exported collection, or a BEIR data set, one of this library"
    )
    imports.add_argument("file", type=Path, metavar="FILE|DIR")
    imports.add_argument("--name", metavar="N", help="what to call it, in place of its own name")
    imports.add_argument("--judge", metavar="J", help="whose the judgments of a data set are")
    imports.add_argument(
        "--reembed", action="store_true", help="embed its texts anew, with the embedder for new collections"
    )
    for action in (lists, create, rename, delete, export, imports):
        add_json(action)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for, and print what came of it."""
    settings = settings_for(args)
    library = open_library(settings, open_embedders(settings))
    try:
        answer, said = _ACT[args.action](library, args)
    finally:
        library.close()
    print(as_json(answer) if args.json else said)
    return 0


_Answer = tuple[dict[str, object], str]


def _list(library: Library, _args: argparse.Namespace) -> _Answer:
    rows = []
    for name in library.collections():
        documents = library.documents(name)
        ref = library.embedder_ref(name)
        rows.append(
            {
                "name": name,
                "documents": len(documents),
                "chunks": sum(document.chunks for document in documents),
                "chunking": asdict(library.chunking(name)),
                "embedder": ref.id if ref else None,
            }
        )
    lines = [
        f"{row['name']}: {counted(int(str(row['documents'])), 'document')}, "
        f"{counted(int(str(row['chunks'])), 'chunk')}"
        for row in rows
    ]
    return {"collections": rows}, "\n".join(lines) or "There is no collection yet."


def _create(library: Library, args: argparse.Namespace) -> _Answer:
    name = args.name
    library.create_collection(name)
    return {"created": name}, f"Collection {name!r} is here now, empty."


def _rename(library: Library, args: argparse.Namespace) -> _Answer:
    old, new = args.name, args.new_name
    library.rename_collection(old, new)
    return {"renamed": old, "to": new}, f"Collection {old!r} is called {new!r} now."


def _delete(library: Library, args: argparse.Namespace) -> _Answer:
    name = args.name
    n_documents = len(library.documents(name))
    library.delete_collection(name)
    said = f"Collection {name!r} is deleted for good, with {counted(n_documents, 'document')}."
    return {"deleted": name, "documents": n_documents}, said


def _export(library: Library, args: argparse.Namespace) -> _Answer:
    name = args.name
    out = args.out or Path(f"{name.replace('/', '_')}.zip")
    manifest = _exported(library, name, out)
    said = (
        f"{out}: {counted(manifest['documents'], 'document')}, {counted(manifest['chunks'], 'chunk')}, "
        f"{counted(manifest['judgments'], 'judgment')}, {out.stat().st_size / 1e6:.1f} MB."
    )
    return {"exported": name, "file": str(out), **manifest}, said


def _exported(library: Library, name: str, out: Path) -> dict[str, int]:
    with tqdm(desc="export", unit=" documents") as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        manifest = export_file(library, name, out, on_progress=show)
    return {
        "documents": manifest.documents,
        "chunks": manifest.chunks,
        "judgments": manifest.judgments,
    }


def _import(library: Library, args: argparse.Namespace) -> _Answer:
    path: Path = args.file
    if path.is_dir():
        return _import_data_set(library, path, args)
    with beir_zip(path) as folder:
        return _import_data_set(library, folder, args) if folder else _import_export(library, args)


def _import_data_set(library: Library, folder: Path, args: argparse.Namespace) -> _Answer:
    name = args.name or folder.resolve().name.removesuffix(".zip")
    with tqdm(desc="embed", unit=" chunks") as bar:

        def show(_file: str, done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        imported = beir_folder(library, folder, name, judge=args.judge or IMPORTED, on_progress=show)
    return {"collection": name, **asdict(imported)}, f"Collection {name!r}: {imported.message}"


def _import_export(library: Library, args: argparse.Namespace) -> _Answer:
    path: Path = args.file
    try:
        with path.open("rb") as file, tqdm(desc="import", unit=" documents") as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            outcome = import_collection(library, file, args.name, reembed=args.reembed, on_progress=show)
    except OSError as exc:
        raise InputFileError(path, f"it cannot be read: {exc.strerror or exc}.") from exc
    return asdict(outcome), outcome.message


_ACT = {
    "list": _list,
    "create": _create,
    "rename": _rename,
    "delete": _delete,
    "export": _export,
    "import": _import,
}
