"""Migration engines side by side, as multiples of raw sqlite3: `python -m benchmarks.migrations`.

Each contender has its own process; the rounds go from one to the next. A fresh run has a new file every time. "Nothing
pending" opens, every time anew, a file that the same contender brought up to date. Registration and closing are in the
time, imports and the writing of migration files are not. What guard, rebuild and backup cost on a file of 1 GB comes
last (`--upgrade 0` leaves it out; it takes some minutes and 5 GB of disk). A timing never fails the run: the limits
stand beside the ratios, met or missed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import options, start, upgrades
from benchmarks.machine import machine_line
from benchmarks.plan import plan
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, Limit, compare, markdown

FLOOR, OURS = "floor", "agentdb"
#: The contenders and the distributions that they need.
CONTENDERS = {
    FLOOR: None,
    OURS: None,
    "floor_rollback": None,
    "alembic": "alembic",
    "yoyo": "yoyo-migrations",
    "fastmigrate": "fastmigrate",
    "sqlite_utils": "sqlite-utils",
}
PATHS = {"fresh": "fresh", "nothing_pending": "nothing pending"}
LIMITS = {("fresh", 100): Limit(1.5), ("nothing_pending", 100): Limit(2.0)}
GROWTH = Limit(1.15)
START_SIZE = 100
LEGEND = """\
Medians, and the median of each round's ratio to floor (raw sqlite3, WAL, synchronous=NORMAL, one IMMEDIATE transaction
and one history row per migration). floor_rollback is the same with SQLite's defaults (rollback journal, FULL), which
the peers use too. A sample of "nothing pending" is the median of five starts in a row. Growth is the ratio at 1,000
divided by the ratio at 100. The last rows, with MB, are upgrades of a large file, three runs each, beside the same by
hand (benchmarks.upgrades)."""


def rounds_for(path: str, size: int, quick: bool) -> tuple[int, int]:
    """Rounds for the floor and agentdb, and for the others, whose every fresh run of 1,000 takes seconds.

    A start with nothing pending is so short that only many tell it from what else the machine does.
    """
    if quick:
        return 3, 1
    if path == "nothing_pending":
        return (201, 11) if size <= 100 else (75, 3)
    return (41, 11) if size <= 100 else (25, 3)


def measure_path(path: str, size: int, workers: Mapping[str, Worker], quick: bool) -> list[Figure]:
    many, few = rounds_for(path, size, quick)

    def sampler(name: str, worker: Worker) -> Sampler:
        return Sampler(name, lambda: int(worker.ask(path, str(size))), many if name in (FLOOR, OURS) else few)

    samples = interleave(sampler(name, worker) for name, worker in workers.items())
    limit = LIMITS.get((path, size))
    return compare(f"{size} {PATHS[path]}", samples, FLOOR, {OURS: limit} if limit else None)


def growth(figures: Sequence[Figure]) -> list[Figure]:
    """How each ratio to the floor changes from 100 migrations to 1,000: above 1, something outgrows the work."""
    ratios = {(figure.case, figure.contender): figure.ratio for figure in figures}
    grown = []
    for words in PATHS.values():
        for contender in dict.fromkeys(figure.contender for figure in figures):
            small, large = (ratios.get((f"{size} {words}", contender)) for size in (100, 1000))
            if small and large:
                limit = GROWTH if contender == OURS else None
                grown.append(Figure(f"growth, {words}", contender, ratio=large / small, against=FLOOR, limit=limit))
    return grown


def measure_starts(workers: Mapping[str, Worker], quick: bool) -> list[Figure]:
    rounds = 5 if quick else 31
    case = f"whole process, {START_SIZE} nothing pending"
    figures = start.measure(case, str(START_SIZE), workers, rounds, base=FLOOR, ours=OURS)
    if OURS in workers:
        builtin = workers[OURS].ask("builtin")
        both = {name: workers[name] for name in (FLOOR, OURS)}
        for name, worker in both.items():
            worker.ask("prepare", "builtin", builtin, "Builtin" if name == OURS else "Peer")
        case = "whole process, built-in nothing pending"
        figures += start.measure(case, "builtin", both, rounds, base=FLOOR, ours=OURS)
    return figures


def measure(names: Sequence[str], sizes: Sequence[int], quick: bool) -> list[Figure]:
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        workers = {}
        absent = []
        for name in names:
            (Path(folder) / name).mkdir()
            target = ("benchmarks.trial:MigrationTrial", str(Path(folder) / name), f"benchmarks.peers.{name}")
            worker = stack.enter_context(Worker(*target))
            if worker.missing is None:
                workers[name] = worker
            else:
                absent.append(name)
        figures = []
        for size in dict.fromkeys((*sizes, START_SIZE)):
            options.progress(f"{size}: preparing")
            for worker in workers.values():
                worker.ask("prepare", str(size), plan(size))
        for size in sizes:
            for path in PATHS:
                options.progress(f"{size}: {path}")
                figures += measure_path(path, size, workers, quick)
        figures += growth(figures)
        options.progress("whole processes")
        figures += measure_starts(workers, quick)
    cases = dict.fromkeys(figure.case for figure in figures)
    return figures + [Figure(case, name, note="not installed") for name in absent for case in cases]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("migrations", "Migration engines, as multiples of raw sqlite3.", CONTENDERS)
    parser.add_argument(
        "--sizes", nargs="*", type=int, default=[10, 100, 1000], metavar="N", help="how many migrations"
    )
    parser.add_argument(
        "--upgrade", type=int, metavar="MB", help="size of the file that is upgraded (1024; with --quick 8; 0: none)"
    )
    chosen = parser.parse_args(arguments)
    names = [name for name in CONTENDERS if name == FLOOR or not chosen.only or name in chosen.only]
    figures = measure(names, chosen.sizes, chosen.quick)
    usual = upgrades.MEGABYTES_QUICK if chosen.quick else upgrades.MEGABYTES
    megabytes = usual if chosen.upgrade is None else chosen.upgrade
    if megabytes and OURS in names:
        figures += upgrades.measure(megabytes, upgrades.ROUNDS_QUICK if chosen.quick else upgrades.ROUNDS)
    machine = machine_line(filter(None, (CONTENDERS[name] for name in names)))
    options.show(figures, machine, markdown(figures, "migrations", FLOOR), LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
