"""The rest of an agent's state beside raw sqlite3: `python -m benchmarks.agent_state`.

Each part is a module with `measure(quick)`, which gives figures. A timing never fails the run: the limits stand beside
the ratios, met or missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from benchmarks import audit, memories, memory_peers, options, session_state
from benchmarks.machine import machine_line
from benchmarks.table import Figure, markdown

#: What measures a part, and what its figures are multiples of.
PARTS: dict[str, tuple[Callable[[bool], list[Figure]], str]] = {
    "events": (session_state.measure, session_state.RAW),
    "memories": (memories.measure, memories.BARE),
    "peers": (memory_peers.measure, memory_peers.AGENTDB),
    "audit": (audit.measure, audit.OFF),
}
LEGEND = """\
Per operation: the median of the means of batches, and the median of each round's ratio to the first column. Raw sqlite3 executes
the stores' own SQL. The bare queries give ids of the ten best rows; recall() filters, scores, and gives the memories."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("agent_state", "An agent's state, as multiples of raw sqlite3.", PARTS)
    chosen = parser.parse_args(arguments)
    figures, tables = [], []
    for name, (measure, base) in PARTS.items():
        if not chosen.only or name in chosen.only:
            found = measure(chosen.quick)
            figures += found
            tables.append(markdown(found, "case", base))
    options.show(figures, machine_line(memory_peers.PACKAGES), "\n\n".join(tables), LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
