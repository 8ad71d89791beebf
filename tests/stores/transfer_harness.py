"""A session with everything that one can have, and how two databases are compared."""

from __future__ import annotations

from typing import Any

from store_harness import AT, Facade, agent_fields, log_fields, session_fields

from agentdb.stores.attachments.values import PIECE_SIZE
from agentdb.stores.transfer.parts import PARTS, PIECES

#: What an export does not have, because triggers keep it, or because it is of the database.
LEFT_OUT = {
    "agents": {"is_default"},
    "sessions": {"message_count", "total_tokens", "context_tokens", "compaction_count"},
    "messages": {"in_transcript"},
}
#: Tables that refer to sessions and do not belong to one: what was learnt outlives the conversation, and triggers write tags.
NOT_OF_A_SESSION = {
    *("memories", "memory_links", "memory_accesses", "memory_annotations", "memory_embeddings"),
    "session_tags",
}
ODD = "é \u2028 \0 \U0001f30a \r\n \x85 'quoted' \"too\""


def fill(db: Facade) -> None:
    """Agents 'a' and 'b', session 's' with parent 'p', full; session 't' beside it, whose ids stand between."""
    for id in "ab":
        db.agents.create(**agent_fields(id=id))
    for id in ("p", "t"):
        db.sessions.create(id=id, main_agent_id="b")
    db.sessions.create(**session_fields("a", id="s", parent_session_id="p", sub_agent_ids=["b", {"x": 1}, "gone", 5]))
    for number in range(1, 21):
        role = "user" if number % 2 else "assistant"
        db.messages.append(
            "s",
            role=role,
            content=f"{ODD} {number}",
            token_count=100,
            payload=[{"n": number}],
            external_id=f"x{number}",
            metadata={"half": 0.1, "big": 2**60},
            created_at=AT,
        )
        db.messages.append("t", role="user", content="between")
    tool = db.messages.append("s", role="tool", content="a long output", token_count=50, tool_call_id="c1")
    db.messages.append("s", role="user", content="and then", status="partial", is_preserved=True)
    event = db.rows(
        "INSERT INTO compaction_events (session_id, strategy, original_tokens, compacted_tokens, messages_removed,"
        " summary_content, preserved_message_ids_json) VALUES ('s', 'summary', 300, 10, 3, 'in short', ?) RETURNING id",
        f"[{tool.id}]",
    )[0][0]
    db.rows("UPDATE messages SET compaction_event_id = ? WHERE session_id = 's' AND seq <= 3", event)
    summary = db.rows(
        "INSERT INTO messages (session_id, seq, role, is_summary, content, token_count)"
        " VALUES ('s', 3, 'system', 1, 'in short', 7) RETURNING id"
    )[0][0]
    db.rows("UPDATE compaction_events SET summary_message_id = ? WHERE id = ?", summary, event)
    pruning = db.rows(
        "INSERT INTO compaction_events (session_id, strategy, original_tokens, compacted_tokens, messages_removed,"
        " summary_content, preserved_message_ids_json) VALUES ('s', 'pruning', 50, 1, 1, 'gone', '[]') RETURNING id"
    )[0][0]
    db.rows("INSERT INTO message_archive VALUES (?, ?, 50, NULL, 'a long output', NULL)", pruning, tool.id)
    db.rows("UPDATE messages SET content = 'gone', token_count = 1 WHERE id = ?", tool.id)
    removed = db.messages.append("s", role="assistant", content="taken back")
    db.messages.delete(removed.id)
    db.messages.append("s", role="assistant", content="said instead")
    purged = db.messages.append("s", role="assistant", content="last seq is more than the last message has")
    db.rows("DELETE FROM messages WHERE id = ?", purged.id)
    db.agent_contexts.start("s", "a", metadata={"k": 1})
    for to in "bab":
        db.agent_contexts.switch("s", to, reason=ODD)
    parent = db.session_logs.append("s", **log_fields())
    db.session_logs.append("s", **log_fields(parent_id=parent.id))
    for number in range(4):
        db.session_events.append("s", event_type="step", event_data={"n": number}, duration_ms=number)
    db.rows("DELETE FROM session_events WHERE session_id = 's' AND sequence = 4")
    for value in (0.1, -2.5):
        db.session_metrics.record("s", metric_type="quality", metric_value=value, metadata={"by": ODD})
    for module in ("planner", "memory"):
        for step in range(3):
            db.module_states.upsert(module, {"step": step, "odd": ODD}, session_id="s", trigger_type="tool")
    db.module_states.upsert("planner", {"other": True}, session_id="t", trigger_type="tool")
    db.attachments.add("s", bytes(range(256)) * (PIECE_SIZE // 128), name="big", message_id=tool.id)
    db.attachments.add("t", b"shared")
    db.attachments.add("s", b"shared", media_type="text/plain", metadata={"a": 1})
    db.attachments.add("s", b"", name="empty", message_id=removed.id)


def of_session(db: Facade, session_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that belongs to a session, with every column but those that an export leaves out."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for part in PARTS:
        args = [session_id]
        names = ", ".join(part.columns)
        where = "session_id = ?"
        if part.table == "message_archive":
            where = "event_id IN (SELECT id FROM compaction_events WHERE session_id = ?)"
        elif part.table == "state_transitions":
            where = "state_id IN (SELECT id FROM module_states WHERE session_id = ?)"
        elif part.table == "attachment_contents":
            where = "sha256 IN (SELECT sha256 FROM attachments WHERE session_id = ?)"
        elif part.table == "sessions":
            where = "id = ?"
        elif part.table == "agents":
            where = "id IN ('a', 'b') AND ? <> ''"
        found[part.table] = db.rows(f"SELECT {names} FROM {part.table} WHERE {where} ORDER BY 1, 2", *args)
    found[PIECES] = db.rows(
        "SELECT * FROM attachment_pieces WHERE sha256 IN (SELECT sha256 FROM attachments WHERE session_id = ?) ORDER BY 1, 2",
        session_id,
    )
    counters = ", ".join(sorted(LEFT_OUT["sessions"]))
    found["counters"] = db.rows(f"SELECT {counters} FROM sessions WHERE id = ?", session_id)
    return found


def everything(db: Facade) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    tables = [
        name
        for (name,) in db.rows(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]
    return {
        table: db.rows(f"SELECT * FROM {table} ORDER BY 1, 2" if table != "replace_guard" else "SELECT 1")
        for table in tables
    }
