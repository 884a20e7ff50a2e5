"""Which candidates are shown, by how reranking moved them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Movements:
    """Those that moved by `at_least` ranks; with `entered` or `left`, only those that did so to the top k."""

    at_least: int = 0
    entered: bool = False
    left: bool = False

    def include(self, retrieved_rank: int, reranked_rank: int, top_k: int) -> bool:
        """Return whether a candidate that went from one rank to the other is among them."""
        if abs(reranked_rank - retrieved_rank) < self.at_least:
            return False
        if not (self.entered or self.left):
            return True
        entered = reranked_rank <= top_k < retrieved_rank
        left = retrieved_rank <= top_k < reranked_rank
        return (self.entered and entered) or (self.left and left)


ALL = Movements()
