"""Situations of the stores, as they happen to an application. Their texts are in error_table.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from error_situations import caught, situation

from agentdb import AgentDB
from agentdb.errors import AgentDBError
from agentdb.stores import NewMessage


@contextmanager
def conversation(path: Path, *contents: str, **given: Any) -> Iterator[AgentDB]:
    """A database with the agent `a`, its session `s`, and what was said in it."""
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        for content in contents:
            db.messages.append("s", role="user", content=content, token_count=10, **given)
        yield db


# -- fields


@situation
def an_agent_without_a_model(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.create, name="Writer", model=None)


@situation
def a_name_that_is_a_number(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.create, name=5, model="large")


@situation
def half_a_character(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.messages.append, "s", role="user", content="half \ud83d")


@situation
def more_steps_than_a_column_holds(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.update, "a", max_steps=2**63)


@situation
def fewer_steps_than_none(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.update, "a", max_steps=-1)


@situation
def a_time_without_its_zone(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.sessions.update, "s", started_at=datetime(2026, 1, 1))


@situation
def metadata_that_json_cannot_hold(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.update, "a", metadata={"skills": {"search"}})


@situation
def a_status_that_there_is_not(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.sessions.update_status, "s", "finished")


@situation
def a_parent_in_another_session(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.sessions.create(id="t", main_agent_id="a")
        parent = db.session_logs.append("s", role="user", type="message", content="one")
        return caught(db.session_logs.append, "t", role="user", type="message", content="two", parent_id=parent.id)


@situation
def a_malformed_search(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        return caught(db.messages.search, '"tides', syntax=True)


@situation
def a_vector_without_a_direction(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        db.memories.create(id="m", content="likes tea")
        return caught(db.memories.set_embedding, "m", [0.0, 0.0, 0.0], "small")


@situation
def a_vector_of_another_length(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        db.memories.create(id="m", content="likes tea")
        db.memories.set_embedding("m", [0.5, 0.25, 0.0], "small")
        return caught(db.memories.recall, embedding=[0.5, 0.25])


@situation
def a_cursor_of_nowhere(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.messages.page, "s", cursor="page 2")


# -- rows


@situation
def a_row_that_cannot_be_read(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        db.client.execute(
            "UPDATE messages SET metadata_json = '{\"n\": ' || replace(hex(zeroblob(3000)), '00', '77') || '}'"
        )
        return caught(db.messages.load, "s")


@situation
def a_message_for_a_hidden_session(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.sessions.soft_delete("s")
        return caught(db.messages.append, "s", role="user", content="Hello?")


@situation
def a_session_at_the_last_seq(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        db.client.execute("UPDATE sessions SET last_seq = 9007199254740991")
        return caught(db.messages.append, "s", role="user", content="Why?")


@situation
def a_plan_from_before_an_edit(path: Path) -> AgentDBError:
    with conversation(path, *"abcdef") as db:
        plan = db.compactions.plan("s", keep_last=2, protect_tokens=0)
        db.messages.update(plan.messages[0].id, content="edited")
        return caught(db.compactions.compact, "s", "Six letters.", plan=plan)


@situation
def a_compaction_that_is_restored_twice(path: Path) -> AgentDBError:
    with conversation(path, *"abcdef") as db:
        event = db.compactions.compact("s", "Six letters.", keep_last=2, protect_tokens=0)
        db.compactions.restore(event.id)
        return caught(db.compactions.restore, event.id)


@situation
def a_compaction_restored_before_a_newer_one(path: Path) -> AgentDBError:
    with conversation(path, *"abcdef") as db:
        first = db.compactions.compact("s", "Four letters.", keep_last=4, protect_tokens=0)
        db.compactions.compact("s", "Six letters.", keep_last=2, protect_tokens=0)
        return caught(db.compactions.restore, first.id)


@situation
def a_pruned_output_that_was_edited(path: Path) -> AgentDBError:
    with conversation(path) as db:
        for _ in range(2):
            db.messages.append("s", role="tool", content="x" * 9000, tool_call_id="1")
        event = db.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
        assert event is not None
        db.messages.update(db.messages.load("s")[0].id, content="edited")
        return caught(db.compactions.restore, event.id)


@situation
def a_conversation_that_somebody_else_changed(path: Path) -> AgentDBError:
    with conversation(path, "high", "low") as db:
        return caught(db.messages.append, "s", role="user", content="ebb", expected_last_seq=1)


@situation
def a_version_from_before_a_change(path: Path) -> AgentDBError:
    with conversation(path, "high") as db:
        version = "1//x"
        error = caught(db.conversations.save_session, "s", [], expected_version=version)
        error.args = (error.message.replace(error.actual, "VERSION"),)  # type: ignore[attr-defined]
        return error


@situation
def a_call_that_is_answered_twice(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.messages.append("s", role="assistant", tool_calls=[{"id": "c"}])
        db.messages.answer_call("s", "c", "high")
        return caught(db.messages.answer_call, "s", "c", "low")


@situation
def a_new_answer_for_a_removed_message(path: Path) -> AgentDBError:
    with conversation(path, "high") as db:
        db.messages.delete(1)
        return caught(db.messages.regenerate, 1)


@situation
def a_removed_message_whose_place_is_taken(path: Path) -> AgentDBError:
    with conversation(path, *"abc") as db:
        removed = db.messages.load("s")[1].id
        said = db.conversations.load_session("s")["messages"]
        db.conversations.save_session("s", [said[0], {"role": "user", "content": "B"}, said[2]])
        return caught(db.messages.restore, removed)


@situation
def a_session_that_is_its_own_ancestor(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.sessions.create(id="t", main_agent_id="a", parent_session_id="s")
        return caught(db.sessions.update, "s", parent_session_id="t")


@situation
def a_token_counter_that_gives_no_count(path: Path) -> AgentDBError:
    conversation_of = {"default_agent": "a", "token_counter": lambda message: 1.5}
    with AgentDB.open(path, **conversation_of) as db:  # type: ignore[arg-type]
        db.conversations.save_session("s", [])
        return caught(db.messages.append_many, "s", [NewMessage(role="user", content="x")])


@situation
def a_table_without_a_primary_key(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        db.client.execute("CREATE TABLE notes (text TEXT)")
        return caught(db.audit.enable, ["notes"])


@situation
def the_past_of_a_table_that_is_not_audited(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        return caught(db.audit.row_at, "sessions", "s", datetime(2024, 5, 17, tzinfo=UTC))


@situation
def a_table_that_was_changed_by_hand(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        db.client.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
        db.audit.enable(["notes"])
        db.client.execute("ALTER TABLE notes ADD COLUMN text TEXT")
        return caught(db.audit.table_at, "notes", datetime(2124, 5, 17, tzinfo=UTC))


@situation
def an_agent_that_has_sessions(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.delete, "a")


@situation
def a_session_that_has_ended(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.sessions.end("s")
        return caught(db.sessions.end, "s")


@situation
def the_active_version_of_an_agent(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.agent_versions.create("a", "1.0.0", activate=True, id="v")
        return caught(db.agent_versions.delete, "v")


@situation
def a_memory_that_is_superseded_twice(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        db.memories.create(id="m", content="likes tea")
        db.memories.supersede("m", content="likes cocoa")
        return caught(db.memories.supersede, "m", content="likes coffee")


@situation
def an_annotation_that_is_applied_twice(path: Path) -> AgentDBError:
    with AgentDB.open(path) as db:
        db.memories.create(id="m", content="likes tea")
        db.memory_annotations.create("m", id="n", kind="correction", content="likes cocoa")
        db.memory_annotations.apply("n")
        return caught(db.memory_annotations.apply, "n")


@situation
def the_default_agent(path: Path) -> AgentDBError:
    with conversation(path) as db:
        db.agents.create(id="d", name="Default", model="large")
        db.agents.set_default("d")
        return caught(db.agents.delete, "d")


@situation
def an_id_that_is_taken(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.agents.create, id="a", name="Writer", model="large")


# -- attachments and exports


@situation
def bytes_that_changed_on_the_disk(path: Path) -> AgentDBError:
    with conversation(path) as db:
        added = db.attachments.add("s", b"high water at noon")
        db.client.execute("UPDATE attachment_pieces SET data = CAST('high water at nine' AS BLOB)")
        return caught(db.attachments.read, added.id)


@situation
def a_file_to_attach_that_is_missing(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.attachments.add, "s", path.with_suffix(".png"))


@situation
def a_file_that_grows_while_it_is_attached(path: Path) -> AgentDBError:
    class Growing(BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            self.getbuffer()[0] ^= 1
            return super().seek(offset, whence)

    with conversation(path) as db:
        return caught(db.attachments.add, "s", Growing(b"high water at noon"))


@situation
def an_export_into_a_missing_folder(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.export, "s", path / "s.jsonl")


@situation
def an_import_of_something_else(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.import_, b'{"role": "user", "content": "hello"}\n')


@situation
def an_import_from_the_future(path: Path) -> AgentDBError:
    with conversation(path) as db:
        return caught(db.import_, b'{"format": "agentdb.export", "version": 2}\n')


@situation
def an_import_of_half_a_file(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        data = db.export("s").data
        return caught(db.import_, data[: data.index(b"messages")])


@situation
def an_import_that_lost_its_end(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        lines = db.export("s").data.splitlines(keepends=True)
        return caught(db.import_, b"".join(lines[:-1]))


@situation
def an_import_of_an_edited_file(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        return caught(db.import_, db.export("s").data.replace(b"Two", b"Six"))


@situation
def an_import_with_a_row_that_does_not_fit(path: Path) -> AgentDBError:
    with conversation(path, "Two tides a day.") as db:
        data = db.export("s").data.replace(b'"status":"complete"', b'"status":"finished"')
        data = data[: data.rindex(b',"sha256"')] + b"}"
        db.sessions.delete("s")
        return caught(db.import_, data)
