"""`python -m agentdb`."""

from __future__ import annotations

from agentdb.cli import main

if __name__ == "__main__":
    main()
