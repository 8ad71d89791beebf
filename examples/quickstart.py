"""The shortest way in: open a file, bring its schema up to date, write, read. For programs without an event loop.

python examples/quickstart.py [PATH]      (agents.db where no path is given; run it twice)
"""

from __future__ import annotations

import re
import sys
from typing import Any

from agentdb import Migrator, create_client_sync, migrations
from agentdb.queries import agents, sessions


def row(insert: str, **values: str | int) -> dict[str, Any]:
    """The parameters of an INSERT: those given, and NULL for the others: the default, or in a session the agent's own."""
    return dict.fromkeys(re.findall(r":(\w+)", insert)) | values


def main(path: str) -> None:
    """Open `path`, migrate it, and put an agent and a session in if they are not there."""
    with create_client_sync(path) as client:
        migrator = Migrator(client, migrations)
        for result in migrator.migrate():  # raises where it fails; nothing is left half done
            print(f"applied {result.migration.label} in {result.execution_time:.1f} ms")
        print(f"{path} is at {migrator.get_migration_summary().current_version}")

        if not client.execute(agents.CHECK_EXISTS, {"id": "researcher"}).rows:
            agent = row(agents.INSERT, id="researcher", name="Researcher", model="large-1", max_steps=20)
            session = row(sessions.INSERT, id="tides", main_agent_id="researcher", model="small-1")
            client.batch([(agents.INSERT, agent), (sessions.INSERT, session)])  # both, or neither

        for found in client.execute(agents.LIST):
            print(f"agent {found['id']}: {found['name']}, permission {found['permission_mode']}")
        both = client.execute(sessions.GET_SESSION_WITH_AGENT, {"id": "tides"})[0]
        print(f"session {both['id']} of {both['agent_name']} runs on {both['effective_model']} (its own)")
        print(f"with {both['effective_max_steps']} steps (its agent's)")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "agents.db")
