"""Run the processes that export a model, and listen to them."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rag.errors import ExportError
from rag.machine.packages import INSTALL, missing_for_export
from rag.models.progress import USUAL_S, Progress, estimate, repeated

# Each step is a process of its own, so that none carries the memory of the one before; with its first phase.
_STEPS = {"download": "download", "convert": "load", "quantize": "quantize"}
_LOG = "export.log"
_LOG_TAIL = 600  # characters
_LAST_WORDS_S = 10
_LITTLE_ROOM = 50e6  # bytes


def require_packages(name: str) -> None:
    """Raise ExportError with the one command to run where a package that exporting needs is missing."""
    if missing := missing_for_export():
        raise ExportError(
            f"Exporting {name} needs Python packages that are not installed: {', '.join(missing)}. "
            f"Run, in the folder of RerankLens: {INSTALL}",
            model_id=name,
        )


class Exporter:
    """One export's processes, in `folder`: each step ends before the next begins, and all end with us."""

    def __init__(self, name: str, folder: Path, report: Callable[[Progress], None]) -> None:
        self._name = name
        self._folder = folder
        self._report = report
        self._began = time.perf_counter()
        self._entered: list[tuple[str, float]] = []
        self._plan = list(USUAL_S)
        self._weights_gb: float | None = None
        self._told: float | None = None

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Convert, check, and quantize where `request` asks for it; return the manifest's fields."""
        steps = dict(_STEPS)
        if request["quantization"] == "none":
            del steps["quantize"]
            self._plan = [phase for phase in self._plan if phase not in ("quantize", "check int8")]
        made: dict[str, Any] = {}
        for step, phase in steps.items():
            self.enter(phase)
            made |= self._step(step, {**request, "made": made})
        (self._folder / _LOG).unlink(missing_ok=True)
        return made

    def enter(self, phase: str) -> None:
        """Note that `phase` begins, and report it."""
        self._entered.append((phase, time.perf_counter() - self._began))
        self._told = None
        self._tell()

    def seconds(self) -> dict[str, float]:
        """Return how long each phase took so far, in order."""
        ends = [*(at for _, at in self._entered[1:]), time.perf_counter() - self._began]
        return {phase: round(end - at, 3) for (phase, at), end in zip(self._entered, ends, strict=True)} | {
            "total": round(ends[-1], 3)
        }

    def _step(self, step: str, request: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        command = [sys.executable, "-m", "rag.models.export", step, str(self._folder)]
        with (
            (self._folder / _LOG).open("ab") as log,
            subprocess.Popen(  # noqa: S603 - our own module, and a folder that we made
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, encoding="utf-8"
            ) as process,
            repeated(self._tell),
        ):
            try:
                for message in _conversation(process, request):
                    if "error" in message:
                        raise ExportError(str(message["error"]), model_id=self._name)
                    if "failed" in message:
                        raise ExportError(self._failed(str(message["failed"])), model_id=self._name)
                    if "result" in message:
                        result = message["result"]
                    self._heard(message)
                if not result:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_LAST_WORDS_S)  # so that its status is its own and not our kill's
            finally:
                process.kill()
        if not result:
            raise ExportError(self._ended(process.returncode), model_id=self._name)
        return result

    def _heard(self, message: Mapping[str, Any]) -> None:
        if "weights_gb" in message:
            self._weights_gb = message["weights_gb"]
        self._told = message.get("fraction")
        if "phase" in message:
            self.enter(message["phase"])

    def _tell(self) -> None:
        if not self._entered:
            return
        phase, _ = self._entered[-1]
        seconds = time.perf_counter() - self._began
        fraction, remaining = self._told, None
        if self._weights_gb is not None:
            fraction, remaining = estimate(
                self._plan, self._entered, seconds, weights_gb=self._weights_gb, told=self._told
            )
        self._report(Progress(phase, seconds, remaining, fraction))

    def _ended(self, returncode: int) -> str:
        log = (self._folder / _LOG).read_text(encoding="utf-8", errors="replace").strip()
        why = (
            "it was killed, most likely for lack of memory: exporting needs about four times the memory of "
            "the model's fp32 weights. Free some, or export on a larger machine and copy the folder"
            if returncode == -9
            else f"its last words were: {log[-_LOG_TAIL:] or 'none'}"
        )
        return self._failed(f"it ended with status {returncode}; {why}")

    def _failed(self, why: str) -> str:
        free = shutil.disk_usage(self._folder).free
        # Some libraries say nothing of a full disk, or fail later, at a file of which only half was written.
        room = (
            f" Only {free / 1e6:.1f} MB are free in {self._folder.parent}: free some, or set RAG_MODEL_CACHE "
            "to a folder on a larger disk."
            if free < _LITTLE_ROOM
            else ""
        )
        return f"Exporting {self._name} failed: {why.rstrip('.')}. Nothing was kept.{room}"


def _conversation(process: "subprocess.Popen[str]", request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Hand `request` to `process` and yield what it says, one JSON object a line."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return
    # It stays open: the process ends itself when it closes, which it does when we are killed. Written past
    # the buffer, which would be flushed again at the end; who is gone already tells by its status.
    with suppress(BrokenPipeError):
        os.write(stdin.fileno(), (json.dumps(request) + "\n").encode())
    for line in stdout:
        yield json.loads(line)
