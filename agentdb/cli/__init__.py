"""The `agentdb` command. The only part of agentdb that imports click."""

from __future__ import annotations


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    try:
        from agentdb.cli.group import agentdb
    except KeyboardInterrupt:
        raise SystemExit(130) from None

    agentdb.main(prog_name="agentdb")
