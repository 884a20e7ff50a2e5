"""Errors: one tree, drawn as it is, with the evidence on the error."""

import copy
import inspect
import pickle
from pathlib import Path

import pytest

from rag import errors

CLASSES = {
    value.__name__: value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.RagError)
}


def drawn_tree() -> dict[str, str]:
    """Return each error of the module's drawing with the one that it hangs under."""
    assert errors.__doc__
    parents: dict[str, str] = {}
    path = [""]
    for line in errors.__doc__.splitlines():
        branch, found, rest = line.partition("── ")
        if found:
            depth = len(branch) // 4 + 1
            path[depth:] = [rest.split()[0]]
            parents[path[depth]] = path[depth - 1]
        elif line == "RagError":
            path = [line]
    return parents


def test_the_drawing_shows_every_error_under_its_parent() -> None:
    assert drawn_tree() == {
        name: cls.__bases__[0].__name__ for name, cls in CLASSES.items() if cls is not errors.RagError
    }


def test_the_root_is_a_plain_exception() -> None:
    assert errors.RagError.__bases__ == (Exception,)


@pytest.mark.parametrize("cls", CLASSES.values())
def test_every_error_says_in_a_docstring_what_happened(cls: type[errors.RagError]) -> None:
    assert cls.__doc__
    assert cls.__doc__.splitlines()[0].endswith(".")


def test_a_settings_error_carries_name_value_and_what_was_expected() -> None:
    error = errors.SettingsError("RAG_TOP_K", "many", "a whole number from 1 to 1000")
    assert str(error) == "RAG_TOP_K='many' cannot be used: expected a whole number from 1 to 1000."
    assert (error.name, error.value, error.expected) == ("RAG_TOP_K", "many", "a whole number from 1 to 1000")


def test_a_model_error_carries_the_model_and_its_path() -> None:
    error = errors.CorruptModelError("broken", model_id="m", path=Path("m.onnx"))
    assert (str(error), error.model_id, error.path) == ("broken", "m", Path("m.onnx"))


@pytest.mark.parametrize(
    ("line", "message"), [(7, "run.trec, line 7: six columns"), (None, "run.trec: six columns")]
)
def test_an_input_file_error_says_where(line: int | None, message: str) -> None:
    error = errors.InputFileError("run.trec", "six columns", line=line)
    assert (str(error), error.path, error.line) == (message, Path("run.trec"), line)


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSES.values() if "__init__" not in vars(cls)], ids=lambda cls: cls.__name__
)
def test_an_error_without_evidence_needs_only_its_message(cls: type[errors.RagError]) -> None:
    if issubclass(cls, errors.ModelError):
        assert str(cls("no such model", model_id="m")) == "no such model"
    else:
        error = cls("what to do")
        assert [str(twin) for twin in (copy.copy(error), pickle.loads(pickle.dumps(error)))] == [
            "what to do"
        ] * 2
