"""What the schema is made of: columns, indexes, foreign keys and triggers, each named here."""

from __future__ import annotations

import sqlite3

import pytest

COLUMNS = {
    "agents": {
        "id": "TEXT NOT NULL DEFAULT UUID",
        "type": "TEXT NOT NULL DEFAULT 'custom'",
        "name": "TEXT NOT NULL",
        "description": "TEXT",
        "avatar": "TEXT",
        "instructions": "TEXT",
        "model": "TEXT NOT NULL",
        "plan_model": "TEXT",
        "small_model": "TEXT",
        "built_in_tools": "TEXT",
        "mcps": "TEXT",
        "knowledges": "TEXT",
        "accessible_paths": "TEXT",
        "configuration": "TEXT",
        "permission_mode": "TEXT NOT NULL DEFAULT 'readOnly'",
        "max_steps": "INTEGER NOT NULL DEFAULT 10",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
        "specializations_json": "TEXT",
        "metadata_json": "TEXT",
        "is_default": "INTEGER NOT NULL DEFAULT 0",
    },
    "replace_guard": {
        "id": "INTEGER NOT NULL",
    },
    "sessions": {
        "id": "TEXT NOT NULL DEFAULT UUID",
        "name": "TEXT",
        "main_agent_id": "TEXT NOT NULL",
        "sub_agent_ids": "TEXT",
        "user_goal": "TEXT",
        "status": "TEXT NOT NULL DEFAULT 'idle'",
        "external_session_id": "TEXT",
        "model": "TEXT",
        "plan_model": "TEXT",
        "small_model": "TEXT",
        "built_in_tools": "TEXT",
        "mcps": "TEXT",
        "knowledges": "TEXT",
        "configuration": "TEXT",
        "accessible_paths": "TEXT",
        "permission_mode": "TEXT",
        "max_steps": "INTEGER",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
        "user_id": "TEXT",
        "parent_session_id": "TEXT",
        "forked_from_id": "TEXT",
        "forked_at_seq": "INTEGER",
        "source": "TEXT",
        "tags_json": "TEXT",
        "quality_score": "REAL",
        "user_satisfaction": "REAL",
        "learning_outcomes_json": "TEXT",
        "started_at": "TEXT",
        "ended_at": "TEXT",
        "metadata_json": "TEXT",
        "pinned_at": "TEXT",
        "archived_at": "TEXT",
        "deleted_at": "TEXT",
        "last_seq": "INTEGER NOT NULL DEFAULT 0",
        "message_count": "INTEGER NOT NULL DEFAULT 0",
        "total_tokens": "INTEGER NOT NULL DEFAULT 0",
        "context_tokens": "INTEGER NOT NULL DEFAULT 0",
        "compaction_count": "INTEGER NOT NULL DEFAULT 0",
        "last_activity_at": "TEXT",
    },
    "session_tags": {
        "tag": "TEXT NOT NULL",
        "session_created": "TEXT NOT NULL",
        "session_id": "TEXT NOT NULL",
    },
    "session_logs": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "parent_id": "INTEGER",
        "role": "TEXT NOT NULL",
        "type": "TEXT NOT NULL",
        "content": "TEXT NOT NULL",
        "metadata": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "messages": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "seq": "INTEGER NOT NULL",
        "role": "TEXT NOT NULL",
        "status": "TEXT NOT NULL DEFAULT 'complete'",
        "token_count": "INTEGER",
        "estimated_tokens": "INTEGER",
        "is_preserved": "INTEGER NOT NULL DEFAULT 0",
        "is_summary": "INTEGER NOT NULL DEFAULT 0",
        "compaction_event_id": "INTEGER",
        "removed_at": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
        "in_transcript": "INTEGER GENERATED",
        "external_id": "TEXT",
        "name": "TEXT",
        "tool_call_id": "TEXT",
        "links_json": "TEXT",
        "content": "TEXT",
        "tool_calls_json": "TEXT",
        "usage_json": "TEXT",
        "metadata_json": "TEXT",
        "payload_json": "TEXT",
        "search_words": "TEXT",
    },
    "agent_contexts": {
        "session_id": "TEXT NOT NULL",
        "current_agent": "TEXT NOT NULL",
        "switch_count": "INTEGER NOT NULL DEFAULT 0",
        "metadata_json": "TEXT",
        "last_switch_at": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "agent_switches": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "from_agent": "TEXT",
        "to_agent": "TEXT NOT NULL",
        "reason": "TEXT",
        "metadata_json": "TEXT",
        "switched_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "compaction_events": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "strategy": "TEXT NOT NULL",
        "original_tokens": "INTEGER NOT NULL",
        "compacted_tokens": "INTEGER NOT NULL",
        "messages_removed": "INTEGER NOT NULL",
        "is_estimated": "INTEGER NOT NULL DEFAULT 0",
        "summary_message_id": "INTEGER",
        "summary_content": "TEXT NOT NULL",
        "preserved_message_ids_json": "TEXT NOT NULL",
        "model_used": "TEXT",
        "duration_ms": "INTEGER NOT NULL DEFAULT 0",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "restored_at": "TEXT",
    },
    "message_archive": {
        "event_id": "INTEGER NOT NULL",
        "message_id": "INTEGER NOT NULL",
        "token_count": "INTEGER",
        "estimated_tokens": "INTEGER",
        "content": "TEXT",
        "payload_json": "TEXT",
    },
    "session_events": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "sequence": "INTEGER NOT NULL",
        "event_type": "TEXT NOT NULL",
        "event_data_json": "TEXT",
        "duration_ms": "INTEGER",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "session_event_sequences": {
        "session_id": "TEXT NOT NULL",
        "last_sequence": "INTEGER NOT NULL",
    },
    "session_metrics": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "metric_type": "TEXT NOT NULL",
        "metric_value": "REAL NOT NULL",
        "timeframe": "TEXT NOT NULL DEFAULT 'event'",
        "metadata_json": "TEXT",
        "recorded_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "agent_metrics": {
        "id": "INTEGER",
        "agent_id": "TEXT NOT NULL",
        "metric_type": "TEXT NOT NULL",
        "metric_value": "REAL NOT NULL",
        "timeframe": "TEXT NOT NULL DEFAULT 'event'",
        "metadata_json": "TEXT",
        "recorded_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "agent_versions": {
        "id": "TEXT NOT NULL DEFAULT UUID",
        "agent_id": "TEXT NOT NULL",
        "version_number": "TEXT NOT NULL",
        "sort_key": "TEXT NOT NULL",
        "changes_json": "TEXT",
        "snapshot_json": "TEXT NOT NULL",
        "created_by": "TEXT",
        "is_active": "INTEGER NOT NULL DEFAULT 0",
        "activated_at": "TEXT",
        "deactivated_at": "TEXT",
        "performance_json": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "audit_log": {
        "id": "INTEGER",
        "table_name": "TEXT NOT NULL",
        "row_key_json": "TEXT NOT NULL",
        "action": "TEXT NOT NULL",
        "before_json": "TEXT",
        "after_json": "TEXT",
        "actor": "TEXT",
        "changed_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "audit_tables": {"table_name": "TEXT NOT NULL", "known_since": "TEXT NOT NULL"},
    "audit_actor": {"id": "INTEGER", "actor": "TEXT NOT NULL"},
    "audit_replaced": {
        "id": "INTEGER",
        "table_name": "TEXT NOT NULL",
        "action": "TEXT NOT NULL",
        "row_key_json": "TEXT NOT NULL",
        "first_key": "ANY",
        "before_json": "TEXT NOT NULL",
        "log_id": "INTEGER NOT NULL",
    },
    "audit_snapshot": {
        "table_name": "TEXT NOT NULL",
        "row_key_json": "TEXT NOT NULL",
        "cells_json": "TEXT NOT NULL",
    },
    "module_states": {
        "id": "TEXT NOT NULL DEFAULT UUID",
        "module_id": "TEXT NOT NULL",
        "session_id": "TEXT",
        "version": "INTEGER NOT NULL",
        "state_hash": "TEXT NOT NULL",
        "state_type": "TEXT",
        "previous_state_id": "TEXT",
        "is_snapshot": "INTEGER NOT NULL DEFAULT 0",
        "snapshot_reason": "TEXT",
        "expires_at": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "state_json": "TEXT NOT NULL",
    },
    "state_transitions": {
        "id": "INTEGER",
        "state_id": "TEXT NOT NULL",
        "trigger_type": "TEXT NOT NULL",
        "trigger_id": "TEXT",
        "transition_data_json": "TEXT",
        "previous_values_json": "TEXT",
        "new_values_json": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "memories": {
        "number": "INTEGER",
        "id": "TEXT NOT NULL DEFAULT UUID",
        "agent_id": "TEXT",
        "user_id": "TEXT",
        "session_id": "TEXT",
        "type": "TEXT NOT NULL DEFAULT 'fact'",
        "memory_type": "TEXT",
        "importance": "REAL NOT NULL DEFAULT 0.5",
        "confidence": "REAL NOT NULL DEFAULT 1.0",
        "source_type": "TEXT",
        "verification_status": "TEXT NOT NULL DEFAULT 'unverified'",
        "expires_at": "TEXT",
        "last_accessed_at": "TEXT",
        "access_count": "INTEGER NOT NULL DEFAULT 0",
        "supersedes_id": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
        "search_words": "TEXT",
        "text": "TEXT NOT NULL",
        "content_json": "TEXT NOT NULL",
    },
    "memory_links": {
        "id": "INTEGER",
        "memory_id": "TEXT NOT NULL",
        "related_id": "TEXT NOT NULL",
        "kind": "TEXT NOT NULL DEFAULT 'related'",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "memory_accesses": {
        "id": "INTEGER",
        "memory_id": "TEXT NOT NULL",
        "access_type": "TEXT NOT NULL DEFAULT 'read'",
        "accessed_by": "TEXT",
        "accessor_type": "TEXT NOT NULL DEFAULT 'agent'",
        "context": "TEXT",
        "usefulness": "REAL",
        "accessed_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "memory_annotations": {
        "id": "TEXT NOT NULL DEFAULT UUID",
        "memory_id": "TEXT NOT NULL",
        "kind": "TEXT NOT NULL",
        "created_by": "TEXT",
        "is_applied": "INTEGER NOT NULL DEFAULT 0",
        "applied_at": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "content_json": "TEXT",
    },
    "memory_embeddings": {
        "id": "INTEGER",
        "memory_id": "TEXT NOT NULL",
        "model": "TEXT NOT NULL",
        "dimensions": "INTEGER NOT NULL",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "vector": "BLOB NOT NULL",
    },
    "attachment_contents": {
        "sha256": "TEXT NOT NULL",
        "size": "INTEGER NOT NULL",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
    },
    "attachment_pieces": {
        "sha256": "TEXT NOT NULL",
        "piece": "INTEGER NOT NULL",
        "data": "BLOB NOT NULL",
    },
    "attachments": {
        "id": "INTEGER",
        "session_id": "TEXT NOT NULL",
        "message_id": "INTEGER",
        "sha256": "TEXT NOT NULL",
        "name": "TEXT",
        "media_type": "TEXT",
        "metadata_json": "TEXT",
        "created_at": "TEXT NOT NULL DEFAULT NOW",
        "updated_at": "TEXT NOT NULL DEFAULT NOW",
    },
}

#: For each table: its indexes with their columns, and what they leave out; SQLite's own are of PRIMARY KEY and UNIQUE.
INDEXES = {
    "agents": {
        "sqlite_autoindex_agents_1": "UNIQUE id",
        "idx_agents_created_at": "created_at, id",
        "idx_agents_is_default": "UNIQUE is_default WHERE is_default = 1",
    },
    "replace_guard": {},
    "sessions": {
        "sqlite_autoindex_sessions_1": "UNIQUE id",
        "idx_sessions_main_agent_id": "main_agent_id, created_at, id",
        "idx_sessions_created_at": "created_at, id",
        "idx_sessions_status": "status, created_at, id",
        "idx_sessions_external_session_id": "external_session_id, created_at, id",
        "idx_sessions_parent_session_id": "parent_session_id, created_at, id WHERE parent_session_id IS NOT NULL",
        "idx_sessions_forked_from_id": "forked_from_id, created_at, id WHERE forked_from_id IS NOT NULL",
        "idx_sessions_user_id": "user_id, created_at, id WHERE user_id IS NOT NULL",
        "idx_sessions_activity": "<expr>, id WHERE deleted_at IS NULL",
        "idx_sessions_user_activity": "user_id, <expr>, id WHERE user_id IS NOT NULL AND deleted_at IS NULL",
        "idx_sessions_pinned_at": "pinned_at, id WHERE pinned_at IS NOT NULL",
        "idx_sessions_deleted_at": "deleted_at, id WHERE deleted_at IS NOT NULL",
    },
    "session_tags": {
        "idx_session_tags_tag": "UNIQUE tag, session_created, session_id",
        "idx_session_tags_session_id": "session_id",
    },
    "session_logs": {
        "sqlite_autoindex_session_logs_1": "UNIQUE session_id, id",
        "idx_session_logs_parent_id": "session_id, parent_id, created_at",
        "idx_session_logs_created_at": "session_id, created_at",
    },
    "messages": {
        "sqlite_autoindex_messages_1": "UNIQUE session_id, seq, in_transcript",
        "idx_messages_context": "session_id, seq, id, token_count, estimated_tokens, is_preserved, is_summary, role,"
        " tool_call_id, links_json, compaction_event_id, removed_at"
        " WHERE compaction_event_id IS NULL AND removed_at IS NULL",
        "idx_messages_preserved": "session_id, seq WHERE is_preserved = 1",
        "idx_messages_uncounted": "session_id, estimated_tokens"
        " WHERE token_count IS NULL AND compaction_event_id IS NULL AND removed_at IS NULL",
        "idx_messages_without_links": "session_id"
        " WHERE links_json IS NULL AND (tool_calls_json IS NOT NULL OR payload_json IS NOT NULL)",
        "idx_messages_external_id": "UNIQUE session_id, external_id WHERE external_id IS NOT NULL",
        "idx_messages_compaction_event_id": "compaction_event_id, seq WHERE compaction_event_id IS NOT NULL",
        "idx_messages_removed_at": "session_id, removed_at WHERE removed_at IS NOT NULL",
        "idx_messages_partial": "session_id WHERE status = 'partial'",
    },
    "agent_contexts": {
        "sqlite_autoindex_agent_contexts_1": "UNIQUE session_id",
        "idx_agent_contexts_created_at": "created_at, session_id",
    },
    "agent_switches": {"idx_agent_switches_session_id": "session_id"},
    "compaction_events": {
        "idx_compaction_events_session_id": "session_id",
        "idx_compaction_events_summary_message_id": "summary_message_id WHERE summary_message_id IS NOT NULL",
    },
    "message_archive": {
        "sqlite_autoindex_message_archive_1": "UNIQUE event_id, message_id",
        "idx_message_archive_message_id": "message_id",
    },
    "session_events": {
        "sqlite_autoindex_session_events_1": "UNIQUE session_id, sequence",
        "idx_session_events_event_type": "session_id, event_type, sequence",
    },
    "session_event_sequences": {"sqlite_autoindex_session_event_sequences_1": "UNIQUE session_id"},
    "session_metrics": {"idx_session_metrics_series": "session_id, metric_type, recorded_at"},
    "agent_metrics": {"idx_agent_metrics_series": "agent_id, metric_type, recorded_at"},
    "agent_versions": {
        "sqlite_autoindex_agent_versions_1": "UNIQUE id",
        "sqlite_autoindex_agent_versions_2": "UNIQUE agent_id, version_number",
        "idx_agent_versions_sort_key": "agent_id, sort_key, id",
        "idx_agent_versions_is_active": "UNIQUE agent_id WHERE is_active = 1",
    },
    "audit_log": {
        "idx_audit_log_row": "table_name, row_key_json",
        "idx_audit_log_changed_at": "changed_at",
    },
    "audit_tables": {"sqlite_autoindex_audit_tables_1": "UNIQUE table_name"},
    "audit_actor": {},
    "audit_replaced": {},
    "audit_snapshot": {"sqlite_autoindex_audit_snapshot_1": "UNIQUE table_name, row_key_json"},
    "module_states": {
        "sqlite_autoindex_module_states_1": "UNIQUE id",
        "idx_module_states_version": "UNIQUE module_id, <expr>, version",
        "idx_module_states_previous_state_id": "UNIQUE previous_state_id WHERE previous_state_id IS NOT NULL",
        "idx_module_states_session_id": "session_id, module_id, version WHERE session_id IS NOT NULL",
        "idx_module_states_expires_at": "expires_at WHERE expires_at IS NOT NULL AND is_snapshot = 0",
    },
    "state_transitions": {"idx_state_transitions_state_id": "state_id"},
    "memories": {
        "sqlite_autoindex_memories_1": "UNIQUE id",
        "idx_memories_agent_id": "agent_id, created_at, id WHERE agent_id IS NOT NULL",
        "idx_memories_created_at": "created_at, id",
        "idx_memories_expires_at": "expires_at WHERE expires_at IS NOT NULL",
        "idx_memories_importance": "importance, created_at",
        "idx_memories_session_id": "session_id, created_at, id WHERE session_id IS NOT NULL",
        "idx_memories_supersedes_id": "UNIQUE supersedes_id WHERE supersedes_id IS NOT NULL",
        "idx_memories_user_id": "user_id, created_at, id WHERE user_id IS NOT NULL",
    },
    "memory_links": {
        "sqlite_autoindex_memory_links_1": "UNIQUE memory_id, related_id, kind",
        "idx_memory_links_related_id": "related_id",
    },
    "memory_accesses": {
        "idx_memory_accesses_memory_id": "memory_id, accessed_at, id",
    },
    "memory_annotations": {
        "sqlite_autoindex_memory_annotations_1": "UNIQUE id",
        "idx_memory_annotations_created_at": "created_at, id",
        "idx_memory_annotations_memory_id": "memory_id, created_at, id",
    },
    "memory_embeddings": {
        "sqlite_autoindex_memory_embeddings_1": "UNIQUE memory_id, model",
        "idx_memory_embeddings_model": "model",
    },
    "attachment_contents": {"sqlite_autoindex_attachment_contents_1": "UNIQUE sha256"},
    "attachment_pieces": {"sqlite_autoindex_attachment_pieces_1": "UNIQUE sha256, piece"},
    "attachments": {
        "idx_attachments_session_id": "session_id",
        "idx_attachments_message_id": "message_id WHERE message_id IS NOT NULL",
        "idx_attachments_sha256": "sha256",
    },
}

FOREIGN_KEYS = {
    **{f"audit_{name}": [] for name in ("log", "tables", "actor", "replaced", "snapshot")},
    "agents": [],
    "replace_guard": [],
    "sessions": [
        "main_agent_id -> agents (id) CASCADE",
        "parent_session_id -> sessions (id) SET NULL",
        "forked_from_id -> sessions (id) SET NULL",
    ],
    "session_tags": ["session_id -> sessions (id) CASCADE"],
    "session_logs": [
        "session_id -> sessions (id) CASCADE",
        "session_id, parent_id -> session_logs (session_id, id) NO ACTION",
    ],
    "messages": ["session_id -> sessions (id) CASCADE"],
    "agent_contexts": ["session_id -> sessions (id) CASCADE"],
    "agent_switches": ["session_id -> sessions (id) CASCADE"],
    "compaction_events": [
        "session_id -> sessions (id) CASCADE",
        "summary_message_id -> messages (id) SET NULL",
    ],
    "message_archive": [
        "event_id -> compaction_events (id) CASCADE",
        "message_id -> messages (id) CASCADE",
    ],
    "session_events": ["session_id -> sessions (id) CASCADE"],
    "session_event_sequences": ["session_id -> sessions (id) CASCADE"],
    "session_metrics": ["session_id -> sessions (id) CASCADE"],
    "agent_metrics": ["agent_id -> agents (id) CASCADE"],
    "agent_versions": ["agent_id -> agents (id) CASCADE"],
    "module_states": [
        "session_id -> sessions (id) CASCADE",
        "previous_state_id -> module_states (id) SET NULL",
    ],
    "state_transitions": ["state_id -> module_states (id) CASCADE"],
    "memories": [
        "agent_id -> agents (id) SET NULL",
        "session_id -> sessions (id) SET NULL",
        "supersedes_id -> memories (id) SET NULL",
    ],
    "memory_links": ["memory_id -> memories (id) CASCADE", "related_id -> memories (id) CASCADE"],
    "memory_accesses": ["memory_id -> memories (id) CASCADE"],
    "memory_annotations": ["memory_id -> memories (id) CASCADE"],
    "memory_embeddings": ["memory_id -> memories (id) CASCADE"],
    "attachment_contents": [],
    "attachment_pieces": ["sha256 -> attachment_contents (sha256) NO ACTION"],
    "attachments": [
        "session_id -> sessions (id) CASCADE",
        "message_id -> messages (id) CASCADE",
        "sha256 -> attachment_contents (sha256) NO ACTION",
    ],
}

#: Every trigger, with the file of its tests.
TRIGGERS = {
    "agents_default_is_kept": "test_agents.py",
    "agents_are_never_replaced": "test_replacing.py",
    "agents_are_never_replaced_by_update": "test_replacing.py",
    "sessions_are_never_replaced": "test_replacing.py",
    "sessions_are_never_replaced_by_update": "test_replacing.py",
    "sessions_have_no_cycle_of_parents": "test_sessions.py",
    "messages_are_never_replaced": "test_replacing.py",
    "messages_are_never_replaced_by_update": "test_replacing.py",
    "messages_are_estimated_again": "test_messages_table.py",
    "messages_stay_in_their_session": "test_messages_table.py",
    "messages_count_insert": "test_message_counters.py",
    "messages_count_update": "test_message_counters.py",
    "messages_count_delete": "test_message_counters.py",
    "session_tags_insert": "test_session_tags.py",
    "session_tags_update": "test_session_tags.py",
    "messages_fts_insert": "test_search_index.py",
    "messages_fts_update": "test_search_index.py",
    "messages_fts_delete": "test_search_index.py",
    "agent_switches_count_insert": "test_agent_contexts.py",
    "agent_switches_count_delete": "test_agent_contexts.py",
    "compaction_events_are_kept": "test_compaction.py",
    "compaction_events_are_never_replaced": "test_compaction.py",
    "compaction_events_count_insert": "test_compaction.py",
    "compaction_events_count_update": "test_compaction.py",
    "session_events_keep_their_sequence": "test_agent_state.py",
    "memories_are_never_replaced": "test_memories.py",
    "memories_keep_their_place": "test_memories.py",
    "memory_accesses_are_never_replaced": "test_memories.py",
    "memory_accesses_stay": "test_memories.py",
    "memory_accesses_count_insert": "test_memories.py",
    "memory_accesses_count_update": "test_memories.py",
    "memory_accesses_count_delete": "test_memories.py",
    "memories_fts_insert": "test_memories.py",
    "memories_fts_delete": "test_memories.py",
    "memories_fts_update": "test_memories.py",
    "memory_embeddings_have_one_length": "test_memories.py",
    "memory_embeddings_keep_their_length": "test_memories.py",
    "memory_embeddings_follow_the_text": "test_memories.py",
    "attachments_are_never_replaced": "test_attachments.py",
    "attachments_have_a_message_of_their_session": "test_attachments.py",
    "attachments_have_a_message_of_their_session_ever": "test_attachments.py",
    "attachments_stay_in_their_session": "test_attachments.py",
    "attachment_contents_go_with_the_last_attachment": "test_attachments.py",
    "attachment_contents_go_when_another_takes_their_place": "test_attachments.py",
}
parametrized = pytest.mark.parametrize("table", COLUMNS)


def test_these_tables_and_no_others_are_there_and_all_are_strict(connection: sqlite3.Connection) -> None:
    # Virtual tables and those behind them are SQLite's own.
    rows = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    assert {row["name"] for row in rows} == COLUMNS.keys()
    assert all(row["strict"] for row in rows)


@parametrized
def test_a_table_has_exactly_these_columns(connection: sqlite3.Connection, table: str) -> None:
    def described(row: sqlite3.Row) -> str:
        text = row["type"] + " NOT NULL" * row["notnull"] + " GENERATED" * (row["hidden"] == 2)
        default = row["dflt_value"]
        if default is None:
            return text
        known = {"strftime('%Y-%m-%dT%H:%M:%fZ', 'now')": "NOW"} | (
            {default: "UUID"} if "randomblob" in default else {}
        )
        return f"{text} DEFAULT {known.get(default, default)}"

    found = {row["name"]: described(row) for row in connection.execute(f"PRAGMA table_xinfo({table})")}
    assert found == COLUMNS[table]
    assert list(found) == list(COLUMNS[table])


@parametrized
def test_a_table_has_exactly_these_indexes(connection: sqlite3.Connection, table: str) -> None:
    found = {}
    for row in connection.execute(f"PRAGMA index_list({table})").fetchall():
        columns = connection.execute(f"PRAGMA index_info({row['name']})").fetchall()
        text = "UNIQUE " * row["unique"] + ", ".join(column["name"] or "<expr>" for column in columns)
        sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (row["name"],)).fetchone()["sql"]
        if row["partial"]:
            text += " WHERE " + sql.partition("WHERE")[2].strip()
        found[row["name"]] = text
    assert found == INDEXES[table]


@parametrized
def test_a_table_has_exactly_these_foreign_keys(connection: sqlite3.Connection, table: str) -> None:
    keys: dict[int, list[sqlite3.Row]] = {}
    for row in connection.execute(f"PRAGMA foreign_key_list({table})"):
        keys.setdefault(row["id"], []).append(row)
    found = []
    for rows in keys.values():
        own, other = (", ".join(row[name] for row in rows) for name in ("from", "to"))
        found.append(f"{own} -> {rows[0]['table']} ({other}) {rows[0]['on_delete']}")
        assert rows[0]["on_update"] == "NO ACTION"
    assert sorted(found) == sorted(FOREIGN_KEYS[table])


@parametrized
def test_every_foreign_key_has_an_index_that_begins_with_its_columns(
    connection: sqlite3.Connection, table: str
) -> None:
    for key in FOREIGN_KEYS[table]:
        own = key.partition(" -> ")[0]
        begins = [index.removeprefix("UNIQUE ").startswith(own) for index in INDEXES[table].values()]
        assert any(begins), key


def test_these_triggers_and_no_others_are_there(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    assert {row["name"] for row in rows} == TRIGGERS.keys()
