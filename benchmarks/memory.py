"""Memory of the serving process over 200 varied questions."""

import json
import random
import sys

from benchmarks.common import ROOT, Limit, Section, progress, run, sample_home
from benchmarks.server import reranklens
from rag.samples import sample_questions

QUESTIONS = 200
LIMIT_MB = 700
# From question 100 to 200: the score cache gains 1 or 2 MB, the rest is for the allocator's moods.
GROWTH_MB = 15
_STEP = 50


def measure(n_questions: int = QUESTIONS) -> Section:
    """Return the process's resident memory at the start and after every fifty questions."""
    chance = random.Random(7)
    asked = [(question, chance.randint(10, 60)) for question in _varied_questions(n_questions, chance)]
    memory, pairs = {}, 0
    with sample_home() as home, reranklens(home) as server:
        memory[0] = server.memory_mb()
        for number, (question, retrieve_k) in enumerate(asked, start=1):
            answer, _ = server.ask(question, retrieve_k=retrieve_k)
            pairs += len(answer["reranked"])
            if number % _STEP == 0:
                memory[number] = server.memory_mb()
                progress(f"memory: {memory[number]:.0f} MB after {number} questions")
        peak = server.memory_mb("VmHWM")
    return _section(memory, peak, pairs)


def _varied_questions(n: int, chance: random.Random) -> list[str]:
    """Return `n` different questions of 3 to 60 words: the judged ones, and pieces of the samples."""
    lines = (ROOT / "data" / "judged" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"].split() for line in lines]
    questions = dict.fromkeys(sample_questions())
    while len(questions) < n:
        words, length = chance.choice(texts), chance.randint(3, 60)
        start = chance.randrange(max(1, len(words) - length))
        questions[" ".join(words[start : start + length])] = None
    return chance.sample(list(questions), n)


def _section(memory: dict[int, float], peak: float, pairs: int) -> Section:
    last = max(memory)
    growth = memory[last] - memory[last // 2]
    rows = [["start" if number == 0 else str(number), f"{mb:.0f} MB"] for number, mb in memory.items()]
    return Section(
        title="Memory",
        workload=(
            f"One process, {last} different questions of 3 to 60 words through /api/query, 10 to 60 "
            f"candidates each ({pairs:,} pairs in all). Resident memory from /proc, in units of 10^6 bytes."
        ),
        columns=["after questions", "resident"],
        rows=[*rows, ["greatest at any time", f"{peak:.0f} MB"]],
        limits=[
            Limit(f"never above {LIMIT_MB} MB", f"{peak:.0f} MB", peak <= LIMIT_MB),
            Limit(
                f"flat: at most {GROWTH_MB} MB more after {last} questions than after {last // 2}",
                f"{growth:+.0f} MB",
                growth <= GROWTH_MB,
            ),
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
