"""What the application's CI runs."""

from __future__ import annotations

import pytest

import agentdb
from agentdb import AgentDB, Migrator
from agentdb.errors import NotFoundError

from .migrations import MIGRATIONS, TABLE
from .store import NoteStore


def test_the_migrations_are_sound_on_top_of_agentdb() -> None:
    result = agentdb.validate_migrations(MIGRATIONS, base=agentdb.migrations)
    assert result.is_valid, "\n".join(map(str, result.errors))
    assert not result.warnings


def test_a_note_belongs_to_its_session() -> None:
    with AgentDB.open(":memory:") as db:
        Migrator(db.client, MIGRATIONS, table=TABLE).migrate()
        notes = NoteStore(db)
        agent = db.agents.create(name="a", model="m")
        session = db.sessions.create(main_agent_id=agent.id)
        first = notes.add(session.id, "first")
        second = notes.add(session.id, "second", tags_json=["x"])
        assert {note.id for note in notes.list(session.id).items} == {first.id, second.id}
        assert notes.update(first.id, text="changed").text == "changed"
        with pytest.raises(NotFoundError):
            notes.add("nobody", "text")
        db.sessions.delete(session.id)
        assert notes.get(second.id) is None
