"""An index that is damaged or gone is made again from what messages and memories say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from search_index import check_search_index
from store_harness import Facade, agent_fields

from agentdb import AgentDB

DAMAGE = {
    "garbage": ["UPDATE messages_fts_data SET block = x'00ff00ff'"],
    "terms are gone": ["DELETE FROM messages_fts_idx", "DELETE FROM messages_fts_docsize"],
    "a list is gone": ["DROP TABLE messages_fts_places"],
    "the index is gone": ["DROP TABLE messages_fts", "DROP VIEW message_texts"],
    "a trigger is gone": [
        "DROP TRIGGER messages_fts_insert",
        "INSERT INTO messages (session_id, seq, role) VALUES ('s', 9, 'x')",
    ],
    "the index of memories is gone": ["DROP TABLE memories_fts", "DROP TRIGGER memories_fts_update"],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_rebuild_repairs(path: str, damage: list[str]) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(**agent_fields())
        db.sessions.create(main_agent_id="agent-1", id="s")
        db.messages.append("s", role="user", content="the needle, at a café")
        db.memories.create(text="a needle, too", content={})
    with closing(sqlite3.connect(path)) as connection:
        for statement in damage:
            connection.execute(statement)
        connection.commit()
    with AgentDB.open(path) as db:
        db.search_index.rebuild()
        db.messages.append("s", role="user", content="another needle")
        assert len(db.messages.search("needle").items) == 2
        assert len(db.messages.search("cafe").items) == 1
        assert len(db.memories.recall("needle")) == 1
        check_search_index(lambda sql: db.client.execute(sql).tuples)


def test_a_rebuild_changes_nothing_of_an_index_that_is_whole(stores: Facade) -> None:
    stores.agents.create(**agent_fields())
    stores.sessions.create(main_agent_id="agent-1", id="s")
    stores.messages.append("s", role="user", content="the needle")
    stores.search_index.rebuild()
    assert [hit.message.content for hit in stores.messages.search("needle")] == ["the needle"]


def test_rows_of_raw_sql_are_found_by_their_plain_content_and_payload(path: str, tmp_path: Path) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(**agent_fields())
        db.sessions.create(main_agent_id="agent-1", id="s")
        insert = "INSERT INTO messages (session_id, seq, role, content, payload_json) VALUES ('s', ?, 'user', ?, ?)"
        db.client.execute(insert, [1, "a plain needle", None])
        db.client.execute(insert, [2, None, '{"role": "user", "content": [{"type": "text", "text": "needle of hay"}]}'])
        assert [hit.message.seq for hit in db.messages.search("needle", newest_first=True)] == [2, 1]
        (second,) = db.messages.search("hay")
        db.messages.update(second.message.id, content="naïve")
        assert [hit.message.seq for hit in db.messages.search("naive")] == [2]
