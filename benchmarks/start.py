"""Whole processes: start Python, import, open, migrate with nothing pending, close, exit. Timed from outside.

`python -m benchmarks.start`; benchmarks.migrations has the same rows in its table.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks.rounds import Sampler, Worker, environment, interleave
from benchmarks.table import Figure, Limit, compare

LIMIT = Limit(2.5, aim=2.0)


def measure(case: str, label: str, workers: Mapping[str, Worker], rounds: int, *, base: str, ours: str) -> list[Figure]:
    """One row: every worker's program for the database that it prepared under `label`."""
    programs = {name: worker.ask("script", label) for name, worker in workers.items()}
    samplers = [Sampler(name, _process(*program), rounds) for name, program in programs.items() if program is not None]
    for sampler in samplers:
        sampler.take()  # writes the bytecode of the generated modules
    return compare(case, interleave(samplers), base, {ours: LIMIT})


def _process(source: str, folder: str) -> Callable[[], int]:
    variables = environment(folder)

    def take() -> int:
        started = time.perf_counter_ns()
        subprocess.run([sys.executable, "-c", source], env=variables, check=True)
        return time.perf_counter_ns() - started

    return take


def main() -> None:
    from benchmarks.migrations import main as migrations

    migrations([*sys.argv[1:], "--upgrade", "0", "--sizes"])


if __name__ == "__main__":
    main()
