"""Databases that builds from before the first release have made. Their schema is another one, and nothing converts them."""

from __future__ import annotations

#: The checksum of their migration 001, and the commits whose builds made them.
BUILDS = {
    "v1:24274dfc1e6700813ac0210924e291feb7937edf2a5106f0e2a959ced393e47d": "d93d150 to 617e62c",
    "v1:dfdbbed92de8b938d7e06280e6ae62adaa119b70ffe7470999d5c70e3b2d4122": "38f99ab to 75c9512",
}


def told(checksum: str | None) -> str | None:
    """What to say of a database whose migration 001 has this checksum; None where it is none of theirs."""
    commits = BUILDS.get(checksum or "")
    if commits is None:
        return None
    return f"a build of agentdb from before its first release made this database (commits {commits})"
