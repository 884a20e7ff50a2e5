"""What sentence-transformers says of texts: `python tests/reference.py REQUESTS ANSWERS`.

A program of its own, because a test that imports PyTorch takes its memory and its warnings with it.
REQUESTS is a JSON file that `ask` writes, ANSWERS an archive with one array for each model, by name.
Texts are given in batches, padded, as its users do: nothing here follows the product's own way.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from exporting import environment, start
from numpy.typing import NDArray


def ask(work: Path, models: Mapping[str, Mapping[str, Any]]) -> dict[str, NDArray[np.float32]]:
    """Return what each of `models` says, by name, from a process of its own.

    A model is {"folder", "pairs"} of a reranker, giving logits [pairs, labels], or {"folder", "queries",
    "passages"} of an embedder, giving its vectors of both, one below the other. "max_tokens" is its
    window, where its files state none; "batch_size" says how many texts are padded together,
    "passage_prompt" what the prompt for passages is called.
    """
    requests, answers = work / "requests.json", work / "answers.npz"
    requests.write_text(json.dumps(models), encoding="utf-8")
    run_program(Path(__file__), str(requests), str(answers), cache=work)
    with np.load(answers) as archive:
        return dict(archive)


def run_program(program: Path, *arguments: str, cache: Path) -> None:
    """Run a Python program that imports PyTorch; nothing of it reaches the network or the home."""
    ran = subprocess.run(
        [sys.executable, str(program), *arguments],
        env=environment(cache, HF_HUB_OFFLINE="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if ran.returncode:
        raise RuntimeError(f"{program.name} ended with {ran.returncode}:\n{ran.stderr[-3000:]}")


def exported(*arguments: object, cache: Path, patience_s: float = 300) -> tuple[int, list[dict[str, Any]]]:
    """Run `models export … --json`; return its exit code, and what it said of each model."""
    with start(*arguments, "--json", cache=cache) as process:
        out, _ = process.communicate(timeout=patience_s)
        return process.returncode, json.loads(out)["models"]


def answer(requests: Path, answers: Path) -> None:
    import torch

    def logits(request: Mapping[str, Any]) -> NDArray[np.float32]:
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(
            request["folder"], device="cpu", trust_remote_code=True, model_kwargs={"dtype": torch.float32}
        )
        if "max_tokens" in request:
            model.max_seq_length = request["max_tokens"]
        pairs: Sequence[Any] = [tuple(pair) for pair in request["pairs"]]
        found = model.predict(
            pairs, batch_size=request.get("batch_size", 8), activation_fn=torch.nn.Identity()
        )
        return np.asarray(found, dtype=np.float32).reshape(len(pairs), -1)

    def vectors(request: Mapping[str, Any]) -> NDArray[np.float32]:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(request["folder"], device="cpu", model_kwargs={"dtype": torch.float32})
        queries = model.encode_query(request["queries"], batch_size=8)
        passages = model.encode_document(
            request["passages"], prompt_name=request.get("passage_prompt"), batch_size=8
        )
        found: NDArray[np.float32] = np.concatenate([queries, passages])
        return found

    models = json.loads(requests.read_text("utf-8"))
    found = {name: (logits if "pairs" in one else vectors)(one) for name, one in models.items()}
    np.savez(answers, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    answer(Path(sys.argv[1]), Path(sys.argv[2]))
