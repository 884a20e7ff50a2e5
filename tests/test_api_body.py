"""A request's JSON is read in one go, and how deep it may be nested is counted exactly."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from rag.api.body import decoded
from rag.api.errors import RefusedError
from rag.api.limits import MAX_JSON_DEPTH

TEXTS = st.text(alphabet='[]{}"\\/nu0,: \u00e9', max_size=8)
VALUES = st.recursive(
    TEXTS | st.none(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=20,
)


class Fields(Struct):
    name: str = ""


def depth(value: Any) -> int:
    """How many lists and objects are around the innermost value, the outermost among them."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


@given(VALUES, st.integers(-1, 1), st.booleans())
def test_as_many_levels_as_may_be_and_none_more(value: Any, over: int, only_ascii: bool) -> None:
    wrapped = value
    while depth(wrapped) < MAX_JSON_DEPTH - 1 + over:
        wrapped = [wrapped, "]"] if depth(wrapped) % 2 else {"}": wrapped}
    body = json.dumps({"unknown": wrapped, "name": "read"}, ensure_ascii=only_ascii).encode()
    if over <= 0:
        assert decoded(body, Fields).name == "read"
    else:
        with pytest.raises(RefusedError, match=f"deeper than {MAX_JSON_DEPTH} levels"):
            decoded(body, Fields)


def test_so_many_lists_and_objects_and_none_more() -> None:
    def holding(lists: int) -> bytes:  # within the object and the list around them
        return json.dumps({"name": "read", "unknown": [[]] * (lists - 2)}).encode()

    assert decoded(holding(50_000), Fields).name == "read"
    with pytest.raises(RefusedError, match="more than 50,000 lists and objects"):
        decoded(holding(50_001), Fields)
