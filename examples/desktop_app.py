"""The start of a desktop application: migrate the user's own file behind a splash screen, then work with it.

python examples/desktop_app.py [PATH]     (agents.db where no path is given; run it twice)
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any
from uuid import uuid4

from agentdb import AsyncMigrator, create_client, migrations
from agentdb.engine.events import Applied, Planned
from agentdb.errors import AgentDBError
from agentdb.queries import agents, session_logs, sessions


def row(insert: str, **values: str | int) -> dict[str, Any]:
    """The parameters of an INSERT: those given, and NULL for the others: the default, or in a session the agent's own."""
    return dict.fromkeys(re.findall(r":(\w+)", insert)) | values


def splash(event: object) -> None:
    """Show what the migrator is doing. With nothing pending, which is nearly every start, there is nothing to show."""
    if isinstance(event, Planned) and event.migrations:
        print(f"Preparing your data, {len(event.migrations)} steps:")
    elif isinstance(event, Applied):
        print(f"  {event.result.migration.description}: done")


async def main(path: str) -> None:
    """Start the application on `path`."""
    async with create_client(path) as client:
        applied = await AsyncMigrator(client, migrations, app_version="1.0", on_event=splash).migrate()
        print(f"Ready: {path}, {len(applied) or 'nothing'} applied at this start")

        agent_id, session_id = str(uuid4()), str(uuid4())
        agent = row(agents.INSERT, id=agent_id, name="Coder", model="large-1", mcps=json.dumps(["files"]))
        session = row(sessions.INSERT, id=session_id, main_agent_id=agent_id, user_goal="Rename a function")
        async with client.transaction() as transaction:  # rolled back unless it gets to commit()
            await transaction.execute(agents.INSERT, agent)
            await transaction.execute(sessions.INSERT, session)
            for role, text in (("user", "Rename f to area."), ("agent", "Done, in 3 files.")):
                log = row(
                    session_logs.INSERT, session_id=session_id, role=role, type="message", content=json.dumps(text)
                )
                await transaction.execute(session_logs.INSERT, log)
            await transaction.commit()

        (both,) = await client.execute(sessions.GET_SESSION_WITH_AGENT, {"id": session_id})
        print(f"{both['agent_name']} on {both['effective_model']} with {both['effective_mcps']}: {both['user_goal']}")
        for found in await client.execute(session_logs.GET_BY_SESSION_ID, {"session_id": session_id}):
            print(f"  {found['role']}: {json.loads(found['content'])}")
        print(f"Sessions in this file: {(await client.execute(sessions.COUNT))[0]['total']}")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "agents.db"))
    except AgentDBError as error:  # a full disk, a newer database, …: the message says what to do
        sys.exit(str(error))
