"""Write `judged/corpus.jsonl`: every chunk of the samples, as the parser and the chunker make them today.

`python -m data.judge_corpus` rewrites it. Ids are `<file name>#<ordinal from 1>`, so a change to the
parser, the chunker or a sample can move the text under a judgment: read `qrels.tsv` again afterwards.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from rag.chunk import split
from rag.config import DEFAULT_EMBEDDER, Settings
from rag.models.cache import locate
from rag.parse import parse

DATA = Path(__file__).resolve().parent


def corpus() -> Iterator[tuple[str, str]]:
    """Yield the id and the text of every chunk, files in alphabetical order."""
    model = locate(DEFAULT_EMBEDDER, "embed", Settings().model_cache)
    tokenizer = Tokenizer.from_file(str(model.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def offsets(text: str) -> Sequence[tuple[int, int]]:
        return list(tokenizer.encode(text, add_special_tokens=False).offsets)

    for path in sorted((DATA / "samples").iterdir()):
        document = parse(path.name, path.read_bytes())
        for ordinal, chunk in enumerate(split(document, offsets), start=1):
            yield f"{path.name}#{ordinal}", chunk.text


def corpus_lines() -> str:
    """Return the corpus as BEIR has it, one JSON object a line."""
    entries = ({"_id": chunk_id, "title": "", "text": text} for chunk_id, text in corpus())
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


if __name__ == "__main__":
    (DATA / "judged" / "corpus.jsonl").write_text(corpus_lines(), "utf-8")
