"""The application: agentdb's migrations, then its own, then both kinds of stores. `python -m notes_app.app [FILE]`"""

from __future__ import annotations

import sys

from agentdb import AgentDB, Migrator

from .migrations import MIGRATIONS, TABLE
from .store import NoteStore


def main(path: str = "notes.db") -> None:
    with AgentDB.open(path) as db:
        Migrator(db.client, MIGRATIONS, table=TABLE, app_version="1.0").migrate()
        agent = db.agents.create(name="Researcher", model="large")
        session = db.sessions.create(main_agent_id=agent.id, name="Tides")
        with db.transaction() as tx:  # the session's status and the note change together
            tx.sessions.update_status(session.id, "running")
            note = NoteStore(tx).add(session.id, "Ask about spring tides.", tags_json=["todo"])
        notes = NoteStore(db)
        print(f"{note.text} {notes.get(note.id) == note}")
        db.agents.delete(agent.id, cascade=True)
        print(f"left with the agent: {notes.get(note.id)}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
