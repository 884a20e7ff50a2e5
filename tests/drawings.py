"""What a page has drawn with charts in it: AppTest knows such an element by its message alone."""

import json
from typing import Any


def drawn(element: Any) -> str:
    """The HTML that `element`, one of `page.get("bidi_component")`, puts into the page."""
    proto = element.proto
    held = json.loads(proto.mixed.json if proto.WhichOneof("data") == "mixed" else proto.json)
    return str(held["html"])
