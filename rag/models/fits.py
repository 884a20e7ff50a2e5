"""Tell whether a value that came from a file is what a record's annotations promise."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def misfit(record: object) -> str | None:
    """Return the first field of the dataclass `record` whose value is not of its type; None for none.

    Numbers must be finite, and true is no number.
    """
    hints = get_type_hints(type(record))
    names = (f.name for f in fields(record) if not _fits(getattr(record, f.name), hints[f.name]))  # type: ignore[arg-type]
    return next(names, None)


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - an annotation can be anything
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, arguments[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(key, arguments[0]) and _fits(one, arguments[1]) for key, one in value.items()
        )
    if hint in (int, float):
        kinds = (int,) if hint is int else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if is_dataclass(hint):
        return type(value) is hint and misfit(value) is None
    return value is None if hint is NoneType else isinstance(value, hint)
