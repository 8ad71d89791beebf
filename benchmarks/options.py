"""The command line that the benchmarks share, and how their figures are printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence

from benchmarks.table import Figure


def parser(module: str, description: str, contenders: Iterable[str]) -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    result.add_argument("--quick", action="store_true", help="few rounds: to see that it runs, not to quote")
    result.add_argument("--json", action="store_true", help="print every figure as JSON, not a table")
    result.add_argument("--only", nargs="+", metavar="NAME", choices=list(contenders), help="these contenders only")
    return result


def progress(text: str) -> None:
    """Says on a terminal what is being measured."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def show(figures: Sequence[Figure], machine: str, table: str, legend: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"machine": machine, "figures": [figure.record() for figure in figures]}, indent=2))
    else:
        print(f"{table}\n\n{legend}\n\n{machine}")
