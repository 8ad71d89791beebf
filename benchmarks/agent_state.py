"""The rest of an agent's state beside raw sqlite3: `python -m benchmarks.agent_state`.

Each part is a module with `measure(quick)`, which gives figures. A timing never fails the run: the limits stand beside
the ratios, met or missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from benchmarks import memories, options
from benchmarks.machine import machine_line
from benchmarks.table import Figure, markdown

PARTS: dict[str, Callable[[bool], list[Figure]]] = {"memories": memories.measure}
LEGEND = """\
Per operation: the median of the means of batches, and the median of each round's ratio to the bare query on raw sqlite3.
The bare queries give ids of the ten best rows; recall() filters, scores, and gives the memories."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("agent_state", "An agent's state, as multiples of raw sqlite3.", PARTS)
    chosen = parser.parse_args(arguments)
    figures = [
        figure for name in PARTS if not chosen.only or name in chosen.only for figure in PARTS[name](chosen.quick)
    ]
    options.show(figures, machine_line([]), markdown(figures, "case", memories.BARE), LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
