"""Show on standard error how far something is."""

from tqdm import tqdm


class Bars:
    """One progress bar after the other."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in `stage`."""
        if self._bar is None or self._bar.desc != stage:
            self.__exit__()
            # What an earlier run did is no speed of this one.
            self._bar = tqdm(desc=stage, total=total, initial=done)
        self._bar.update(done - self._bar.n)
