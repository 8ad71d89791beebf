"""A contender's own process: `python -m benchmarks.worker MODULE:CLASS ARGUMENT…`.

It imports the class, makes one with the arguments, then answers requests, a line of JSON each. Imports are over before
the first request, so that nobody's import time is in anybody's figure.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TextIO


def elapsed(work: Callable[[], object]) -> int:
    """Nanoseconds that `work` takes, without the garbage of whatever ran before."""
    gc.collect()
    started = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - started


def serve(requests: TextIO, answers: TextIO, target: str, arguments: list[str]) -> None:
    def answer(**fields: object) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    module, name = target.split(":")
    try:
        trial = getattr(import_module(module), name)(*arguments)
    except ModuleNotFoundError as error:
        answer(missing=error.name)
        return
    except Exception:
        answer(error=traceback.format_exc())
        return
    answer(value=None)
    for line in requests:
        request = json.loads(line)
        try:
            answer(value=getattr(trial, request["call"])(*request["arguments"]))
        except Exception:
            answer(error=traceback.format_exc())
    trial.close()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a contender prints must not land among the answers
    serve(sys.stdin, answers, sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
