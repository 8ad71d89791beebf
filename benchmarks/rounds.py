"""Rounds: everybody once, then everybody once again, so that a machine that slows down slows everybody down."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Sampler:
    """A contender's way to take one sample, in nanoseconds; slow ones take part in fewer rounds."""

    contender: str
    take: Callable[[], int]
    rounds: int


def interleave(samplers: Iterable[Sampler]) -> dict[str, dict[int, int]]:
    """The samples of each contender, by the number of the round in which they were taken."""
    samplers = list(samplers)
    samples: dict[str, dict[int, int]] = {sampler.contender: {} for sampler in samplers}
    rounds = max((sampler.rounds for sampler in samplers), default=0)
    for number in range(rounds):
        taking = [sampler for sampler in samplers if _takes_part(sampler.rounds, number, rounds)]
        random.Random(number).shuffle(taking)  # nobody always runs after the same neighbour
        for sampler in taking:
            samples[sampler.contender][number] = sampler.take()
    return samples


def _takes_part(own: int, number: int, rounds: int) -> bool:
    """Whether round `number` is one of `own` that are spread evenly over all `rounds`."""
    return number * own // rounds != (number - 1) * own // rounds


def environment(*folders: str) -> dict[str, str]:
    """The environment for a child process that imports this checkout and `folders`."""
    variables = dict(os.environ)
    # Without cached bytecode a start would measure the compiler.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    paths = [*folders, str(ROOT), variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return variables


class Worker:
    """The parent's end of a contender's process (benchmarks.worker)."""

    def __init__(self, target: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", target, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(),
        )
        #: the module that could not be imported, or None
        self.missing: str | None = None
        try:
            self.missing = self._answer().get("missing")
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def ask(self, call: str, *arguments: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()["value"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
