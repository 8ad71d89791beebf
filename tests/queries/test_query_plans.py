"""Every constant of every query module: what it binds, that it runs with that and no less, and how SQLite answers it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from agentdb.queries import (
    agent_contexts,
    agent_metrics,
    agent_versions,
    agents,
    attachments,
    audit,
    compactions,
    conversations,
    erasure,
    memories,
    memory_accesses,
    memory_annotations,
    memory_embeddings,
    memory_links,
    memory_search,
    memory_transfer,
    message_search,
    messages,
    module_states,
    session_events,
    session_forks,
    session_hierarchy,
    session_logs,
    session_metrics,
    session_search,
    sessions,
    transfer,
)

Add = Callable[..., None]

MODULES = {
    "agents": agents,
    "sessions": sessions,
    "session_forks": session_forks,
    "session_logs": session_logs,
    "messages": messages,
    "message_search": message_search,
    "agent_contexts": agent_contexts,
    "compactions": compactions,
    "conversations": conversations,
    "audit": audit,
    "session_hierarchy": session_hierarchy,
    "session_search": session_search,
    "session_metrics": session_metrics,
    "session_events": session_events,
    "module_states": module_states,
    "agent_versions": agent_versions,
    "agent_metrics": agent_metrics,
    "memories": memories,
    "memory_accesses": memory_accesses,
    "memory_annotations": memory_annotations,
    "memory_embeddings": memory_embeddings,
    "memory_links": memory_links,
    "memory_search": memory_search,
    "memory_transfer": memory_transfer,
    "attachments": attachments,
    "transfer": transfer,
    "erasure": erasure,
}
CONSTANTS = {
    (owner, name): sql for owner, module in MODULES.items() for name, sql in vars(module).items() if name.isupper()
}

#: Parameters that are no columns.
BESIDE = (
    {
        "origin_id",
        "at_seq",
        "message_offset",
        "event_offset",
        "ids",
        "include_deleted",
        "limit",
        "offset",
        "before",
        "expression",
        "now",
        "since",
        "until",
        "by",
        "snapshots_only",
        "numbers",
        "min_importance",
        "include_outdated",
        "candidates",
        "last_term",
        "term",
        *("start_mark", "end_mark", "tag", "pinned", "archived", "agent_id", "cursor_rank"),
        *("include_summaries", "include_removed", "with_payloads", "end_seq", "end_id", "first_seq", "last_seq"),
    }
    | {
        f"cursor_{name}"
        for name in ("id", "time", "seq", "sequence", "version", "sort_key", "sha256", "event_id", "message_id")
    }
    | {f"cursor_{name}" for name in ("metric_type", "recorded_at", "module_id", "state_id", "number")}
)

# What a plan names: a table and what its rows are found by, in any order; * is any index.
AGENT = "agents sqlite_autoindex_agents_1 (id=?)"
SESSION = "sessions sqlite_autoindex_sessions_1 (id=?)"
MESSAGE = "messages id (rowid=?)"
# Where a trigger follows an INSERT, SQLite looks for rows that refer to the new one, as it does for a DELETE.
OF_SESSION = (
    "agent_contexts * (session_id=?)",
    "agent_switches * (session_id=?)",
    "attachments * (session_id=?)",
    "compaction_events * (session_id=?)",
    "memories idx_memories_session_id (session_id=?)",
    "messages * (session_id=?)",
    "module_states idx_module_states_session_id (session_id=?)",
    "session_event_sequences * (session_id=?)",
    "session_events * (session_id=?)",
    "session_logs * (session_id=?)",
    "session_tags * (session_id=?)",
    "session_metrics * (session_id=?)",
    "sessions idx_sessions_forked_from_id (forked_from_id=?)",
    "sessions idx_sessions_parent_session_id (parent_session_id=?)",
)
ARCHIVED = "message_archive idx_message_archive_message_id (message_id=?)"
ATTACHED = "attachments idx_attachments_message_id (message_id=?)"
CONTENT = "attachment_contents sqlite_autoindex_attachment_contents_1 (sha256=?)"
SUMMARY_OF = "compaction_events idx_compaction_events_summary_message_id (summary_message_id=?)"

OF_AGENT = (
    "agent_metrics * (agent_id=?)",
    "agent_versions * (agent_id=?)",
    "memories idx_memories_agent_id (agent_id=?)",
    "sessions idx_sessions_main_agent_id (main_agent_id=?)",
)
EVENTS = "session_events sqlite_autoindex_session_events_1 (session_id=?"
EVENTS_BY_TYPE = "session_events idx_session_events_event_type (session_id=? AND event_type=?"
VERSION = "agent_versions sqlite_autoindex_agent_versions_1 (id=?)"
STATE = "module_states sqlite_autoindex_module_states_1 (id=?)"
CHAIN = "module_states idx_module_states_version (module_id=? AND <expr>=?"
NEXT_STATE = "module_states idx_module_states_previous_state_id (previous_state_id=?)"
TRANSITIONS = "state_transitions idx_state_transitions_state_id (state_id=?)"

MEMORY = "memories sqlite_autoindex_memories_1 (id=?)"
NUMBERED = "memories id (rowid=?)"
NEWER = "newer idx_memories_supersedes_id (supersedes_id=?)"
OWNED = [f"memories idx_memories_{owner} ({owner}=?)" for owner in ("user_id", "session_id", "agent_id")]
OF_MEMORY = (
    "memory_accesses idx_memory_accesses_memory_id (memory_id=?)",
    "memory_annotations idx_memory_annotations_memory_id (memory_id=?)",
    "memory_embeddings sqlite_autoindex_memory_embeddings_1 (memory_id=?)",
    "memory_links idx_memory_links_related_id (related_id=?)",
    "memory_links sqlite_autoindex_memory_links_1 (memory_id=?)",
    "memories idx_memories_supersedes_id (supersedes_id=?)",
)
ANNOTATION = "memory_annotations sqlite_autoindex_memory_annotations_1 (id=?)"
VECTOR = "memory_embeddings sqlite_autoindex_memory_embeddings_1 (memory_id=? AND model=?)"
OF_MODEL = "memory_embeddings idx_memory_embeddings_model (model=?)"


def metric_plans(table: str, owner: str) -> dict[str, list[str]]:
    series = f"{table} idx_{table}_series ({owner}=? AND metric_type=?"
    return {
        "RECORD": [],
        "GET_BY_ID": [f"{table} id (rowid=?)"],
        "SERIES": [f"{series} AND recorded_at>? AND recorded_at<?)"],
        "SERIES_BACK": [f"{series} AND recorded_at>? AND recorded_at<?)"],
        "AGGREGATE": [f"{series} AND recorded_at>? AND recorded_at<?)"],
        "TYPES": [f"{table} idx_{table}_series ({owner}=?)"],
        "DELETE_BY_ID": [f"{table} id (rowid=?)"],
        "PRUNE": [f"{table} idx_{table}_series ({owner}=?)"],
    }


PLANS: dict[str, dict[str, list[str]]] = {
    "agents": {
        "INSERT": [*OF_AGENT],
        "UPDATE": [AGENT],
        "GET_BY_ID": [AGENT],
        "LIST": ["SCAN agents idx_agents_created_at"],
        "DELETE": [AGENT, *OF_AGENT],
        "COUNT": ["SCAN agents *"],
        "CHECK_EXISTS": [AGENT],
        "PAGE": ["agents idx_agents_created_at ((created_at,id)<(?,?))"],
        "COUNT_BY_TYPE": ["SCAN agents"],
        "CREATE": [*OF_AGENT],
        "CHANGE": [AGENT],
        "STATS": [AGENT, "sessions idx_sessions_main_agent_id (main_agent_id=?)"],
        "GET_DEFAULT": ["agents idx_agents_is_default (is_default=?)"],
        "CLEAR_DEFAULT": ["agents idx_agents_is_default (is_default=?)"],
        "SET_DEFAULT": [AGENT],
    },
    "sessions": {
        "INSERT": [*OF_SESSION],
        "UPDATE": [SESSION],
        "UPDATE_STATUS": [SESSION],
        "UPDATE_EXTERNAL_SESSION_ID": [SESSION],
        "GET_BY_ID": [SESSION],
        "LIST": ["SCAN sessions idx_sessions_created_at"],
        "LIST_WITH_LIMIT": ["SCAN sessions idx_sessions_created_at"],
        "GET_BY_STATUS": ["sessions idx_sessions_status (status=?)"],
        "GET_SESSION_WITH_AGENT": [AGENT, SESSION],
        "GET_BY_EXTERNAL_SESSION_ID": ["sessions idx_sessions_external_session_id (external_session_id=?)"],
        "COUNT": ["SCAN sessions *"],
        "DELETE": [*OF_SESSION, SESSION],
        "CHECK_EXISTS": [SESSION],
        "CREATE": [*OF_SESSION],
        "INSERT_MISSING": [*OF_SESSION],
        "CHANGE": [SESSION],
        "STATE": [SESSION],
        "SOFT_DELETE": [SESSION],
        "RESTORE": [SESSION],
        "PAGE": ["sessions idx_sessions_created_at ((created_at,id)<(?,?))"],
        "PAGE_BY_STATUS": ["sessions idx_sessions_status (status=? AND (created_at,id)<(?,?))"],
        "PAGE_BY_AGENT": ["sessions idx_sessions_main_agent_id (main_agent_id=? AND (created_at,id)<(?,?))"],
        "PAGE_BY_USER": ["sessions idx_sessions_user_id (user_id=? AND (created_at,id)<(?,?))"],
        "PAGE_BY_TAG": [
            "session_tags idx_session_tags_tag (tag=? AND (session_created,session_id)<(?,?))",
            SESSION,
        ],
        "PAGE_PINNED": ["sessions idx_sessions_pinned_at (pinned_at>?)"],
        "PAGE_BY_ACTIVITY": ["sessions idx_sessions_activity (<expr><?)"],
        "PAGE_BY_ACTIVITY_OF_USER": ["sessions idx_sessions_user_activity (user_id=? AND <expr><?)"],
        "PAGE_BY_ACTIVITY_PINNED": ["sessions idx_sessions_pinned_at (pinned_at>?)"],
        "PIN": [SESSION],
        "UNPIN": [SESSION],
        "ARCHIVE": [SESSION],
        "UNARCHIVE": [SESSION],
        "COUNT_LIVE": ["SCAN sessions *", "sessions idx_sessions_deleted_at (deleted_at>?)"],
        "COUNT_BY_STATUS": ["sessions idx_sessions_status (status=?)"],
        "COUNT_BY_AGENT": ["sessions idx_sessions_main_agent_id (main_agent_id=?)"],
    },
    "session_forks": {
        "OFFSETS": ["SCAN sqlite_sequence"],
        "COPY_SESSION": [
            "attachments idx_attachments_session_id (session_id=?)",
            "agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)",
            "agent_switches idx_agent_switches_session_id (session_id=?)",
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "memories idx_memories_session_id (session_id=?)",
            "messages sqlite_autoindex_messages_1 (session_id=?)",
            "module_states idx_module_states_session_id (session_id=?)",
            "session_event_sequences sqlite_autoindex_session_event_sequences_1 (session_id=?)",
            "session_events sqlite_autoindex_session_events_1 (session_id=?)",
            "session_logs idx_session_logs_created_at (session_id=?)",
            "session_metrics idx_session_metrics_series (session_id=?)",
            "session_tags idx_session_tags_session_id (session_id=?)",
            "sessions idx_sessions_forked_from_id (forked_from_id=?)",
            "sessions idx_sessions_parent_session_id (parent_session_id=?)",
            "sessions sqlite_autoindex_sessions_1 (id=?)",
        ],
        "COPY_MESSAGES": [
            "attachments idx_attachments_message_id (message_id=?)",
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "compaction_events idx_compaction_events_summary_message_id (summary_message_id=?)",
            "event idx_compaction_events_summary_message_id (summary_message_id=?)",
            "message sqlite_autoindex_messages_1 (session_id=? AND seq<?)",
            "message_archive idx_message_archive_message_id (message_id=?)",
            "taken idx_messages_compaction_event_id (compaction_event_id=? AND seq>?)",
        ],
        "COPY_EVENTS": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "copied USING AUTOMATIC COVERING INDEX (old_id=?)",
            "event id (rowid=?)",
            "event idx_compaction_events_summary_message_id (summary_message_id=?)",
            "kept sqlite_autoindex_message_archive_1 (event_id=?)",
            "message sqlite_autoindex_messages_1 (session_id=? AND seq<?)",
            "message_archive sqlite_autoindex_message_archive_1 (event_id=?)",
            "taken idx_messages_compaction_event_id (compaction_event_id=? AND seq>?)",
            "taken idx_messages_compaction_event_id (compaction_event_id=?)",
        ],
        "COPY_ARCHIVE": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "event id (rowid=?)",
            "event idx_compaction_events_summary_message_id (summary_message_id=?)",
            "kept sqlite_autoindex_message_archive_1 (event_id=? AND message_id=?)",
            "message sqlite_autoindex_messages_1 (session_id=? AND seq<?)",
            "taken idx_messages_compaction_event_id (compaction_event_id=? AND seq>?)",
        ],
        "COPY_SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=?)"],
        "COPY_CONTEXT": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)"],
        "TREE": [
            "sessions idx_sessions_forked_from_id (forked_from_id=?)",
            "sessions sqlite_autoindex_sessions_1 (id=?)",
        ],
    },
    "session_logs": {
        "INSERT": [],
        "GET_BY_ID": ["session_logs id (rowid=?)"],
        "GET_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "GET_BY_SESSION_ID_WITH_PAGINATION": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "GET_LATEST_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "UPDATE": ["session_logs id (rowid=?)"],
        "DELETE_BY_ID": [
            "session_logs id (rowid=?)",
            "session_logs idx_session_logs_parent_id (session_id=? AND parent_id=?)",
        ],
        "DELETE_BY_SESSION_ID": [
            "session_logs idx_session_logs_created_at (session_id=?)",
            "session_logs idx_session_logs_parent_id (session_id=? AND parent_id=?)",
        ],
        "COUNT_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)"],
        "GET_CHILDREN": ["child idx_session_logs_parent_id (session_id=? AND parent_id=?)", "parent id (rowid=?)"],
        "GET_SUBTREE": [
            "child idx_session_logs_parent_id (session_id=? AND parent_id=?)",
            "session_logs id (rowid=?)",
            "session_logs id (rowid=?)",
        ],
        "DELETE_SUBTREE": [
            "child idx_session_logs_parent_id (session_id=? AND parent_id=?)",
            "session_logs id (rowid=?)",
            "session_logs id (rowid=?)",
            "session_logs idx_session_logs_parent_id (session_id=? AND parent_id=?)",
        ],
        "CHECK_EXISTS": ["session_logs id (rowid=?)"],
        "GET_VISIBLE_BY_ID": ["session_logs id (rowid=?)", SESSION],
        "PAGE": ["session_logs idx_session_logs_created_at (session_id=? AND created_at>?)", SESSION],
        "PAGE_BACK": ["session_logs idx_session_logs_created_at (session_id=? AND created_at<?)", SESSION],
        "COUNT_VISIBLE_BY_SESSION_ID": ["session_logs idx_session_logs_created_at (session_id=?)", SESSION],
    },
    "messages": {
        "APPEND": [SUMMARY_OF, ARCHIVED, ATTACHED, SESSION],
        "INSERT": [SUMMARY_OF, ARCHIVED, ATTACHED],
        "UPDATE": [MESSAGE, SESSION],
        "GET_BY_ID": [MESSAGE, SESSION],
        "GET_BY_EXTERNAL_ID": ["messages idx_messages_external_id (session_id=? AND external_id=?)", SESSION],
        "GET_BY_SESSION_ID": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "GET_CONTEXT": ["messages idx_messages_context (session_id=?)", SESSION],
        "GET_LATEST_BY_SESSION_ID": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "PAGE": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)", SESSION],
        "PAGE_BACK": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq<?)", SESSION],
        "LISTING": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "LATEST_LISTING": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "PAGE_LISTING": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)", SESSION],
        "PAGE_BACK_LISTING": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq<?)", SESSION],
        "GET_CONTEXT_WITHOUT_PAYLOADS": ["messages idx_messages_context (session_id=?)", SESSION],
        "DETAILS": [MESSAGE],
        "POP": [MESSAGE, "messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "REMOVE_BY_ID": [MESSAGE, SESSION],
        "REMOVE_FROM_SEQ": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)", SESSION],
        "RESTORE_BY_ID": [MESSAGE, SESSION],
        "RESTORE_THESE": [MESSAGE, SESSION],
        "REMOVED_AT": ["messages idx_messages_removed_at (session_id=? AND removed_at=?)", SUMMARY_OF, SESSION],
        "LAST_REMOVED_AT": ["messages idx_messages_removed_at (session_id=? AND removed_at>?)"],
        "REMOVED": ["messages idx_messages_removed_at (session_id=? AND removed_at>? AND removed_at<?)", SESSION],
        "SETTLE_EVENTS": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
            MESSAGE,
        ],
        "CLEAR_SETTLED_MARKS": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
        ],
        "NEIGHBOURS": [
            "messages sqlite_autoindex_messages_1 (session_id=? AND seq<?)",
            "messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)",
        ],
        "STOOD_BETWEEN": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>? AND seq<?)"],
        "THESE": [MESSAGE],
        "PARTIAL": ["SCAN messages idx_messages_partial", SESSION],
        "PARTIAL_OF_SESSION": ["messages idx_messages_partial (session_id=?)", SESSION],
        "MAY_CALL": ["messages idx_messages_context (session_id=?)", SESSION],
        "CAME_BEHIND": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)"],
        "CHANGED_SINCE": ["messages sqlite_autoindex_messages_1 (session_id=?)"],
        "PURGE": [
            SUMMARY_OF,
            ARCHIVED,
            ATTACHED,
            "messages idx_messages_removed_at (session_id=? AND removed_at>? AND removed_at<?)",
        ],
        "STATS": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
        "LAST_ID": ["messages"],
        "ADDED_SINCE": ["messages id (rowid>?)"],
        "UPDATED_SINCE": ["messages sqlite_autoindex_messages_1 (session_id=?)"],
    },
    "message_search": {
        "OPTIMIZE": [],
        "CHECKPOINT": [],
        "MATCH": ["SCAN messages_fts VIRTUAL TABLE INDEX 0:M1", MESSAGE, SESSION],
        "SNIPPET": ["SCAN messages_fts VIRTUAL TABLE INDEX 0:=M1"],
        "MATCH_NEWEST": ["SCAN messages_fts VIRTUAL TABLE INDEX 192:M1<", MESSAGE, SESSION],
        "COUNT_PLACES": ["SCAN messages_fts_places VIRTUAL TABLE INDEX 6:"],
        "PLACES": ["SCAN messages_fts_places VIRTUAL TABLE INDEX 6:", MESSAGE, SESSION],
        "NEWEST": ["messages id (rowid<?)", SESSION],
        "NEWEST_OF_SESSION": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq<?)", SESSION, MESSAGE],
        "SIZES": [MESSAGE],
        "TEXTS": [MESSAGE],
        "SESSIONS_OF": [MESSAGE],
        "GET_BY_IDS": [MESSAGE, SESSION],
    },
    "agent_contexts": {
        "INSERT": [],
        "INSERT_SWITCH": [],
        "UPDATE": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)"],
        "GET": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)", SESSION],
        "CHECK_EXISTS": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)", SESSION],
        "PAGE": ["agent_contexts idx_agent_contexts_created_at ((created_at,session_id)<(?,?))", SESSION],
        "SESSION_IDS": ["SCAN agent_contexts idx_agent_contexts_created_at", SESSION],
        "SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=? AND rowid<?)", SESSION],
        "ALL_SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=?)"],
        "ANNOTATE_SWITCH": ["agent_switches id (rowid=?)"],
        "DELETE_THESE_SWITCHES": ["agent_switches id (rowid=?)"],
        "DELETE_SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=?)", SESSION],
        "DELETE": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)", SESSION],
    },
    "compactions": {
        "TOTALS": [SESSION, "messages idx_messages_uncounted (session_id=?)"],
        "PRESERVED": ["messages idx_messages_preserved (session_id=?)"],
        "UNESTIMATED": ["messages idx_messages_uncounted (session_id=? AND estimated_tokens=?)"],
        "WITHOUT_LINKS": ["messages idx_messages_without_links (session_id=?)"],
        "TAIL_BY_COUNT": ["messages idx_messages_context (session_id=?)"],
        "TOKENS_BACKWARDS": ["messages idx_messages_context (session_id=? AND seq<?)"],
        "LINES": ["messages idx_messages_context (session_id=? AND seq>? AND seq<?)"],
        "MESSAGES": ["messages idx_messages_context (session_id=?)"],
        "INSERT_EVENT": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)"],
        "FINISH_EVENT": ["compaction_events id (rowid=?)"],
        "MARK": ["messages idx_messages_context (session_id=? AND seq>? AND seq<?)"],
        "CLEAR_MARKS": ["messages idx_messages_compaction_event_id (compaction_event_id=?)"],
        "INSERT_SUMMARY": [SUMMARY_OF, ARCHIVED, ATTACHED],
        "REMOVE_SUMMARY": [MESSAGE],
        "ARCHIVE": [MESSAGE],
        "PRUNE": [MESSAGE],
        "PUT_BACK": ["kept sqlite_autoindex_message_archive_1 (event_id=?)", MESSAGE],
        "EMPTY_ARCHIVE": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)"],
        "SET_RESTORED": ["compaction_events id (rowid=?)"],
        "GET_EVENT": ["compaction_events id (rowid=?)", SESSION],
        "STANDING_EVENTS": ["compaction_events idx_compaction_events_session_id (session_id=?)"],
        "NEWEST_EVENT": ["compaction_events idx_compaction_events_session_id (session_id=?)"],
        "EVENTS": ["compaction_events idx_compaction_events_session_id (session_id=? AND rowid<?)", SESSION],
        "STATS": ["compaction_events idx_compaction_events_session_id (session_id=?)", SESSION],
        "TAKEN_OUT": ["messages idx_messages_compaction_event_id (compaction_event_id=?)"],
        "PRUNED": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)", MESSAGE],
        "ORIGINALS": ["message_archive sqlite_autoindex_message_archive_1 (event_id=?)", MESSAGE],
        "ORIGINALS_OF_SESSION": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "kept sqlite_autoindex_message_archive_1 (event_id=?)",
            ARCHIVED,
            MESSAGE,
        ],
    },
    "audit": {
        "SET_ACTOR": [],
        "CLEAR_ACTOR": ["audit_actor id (rowid=?)"],
        "TABLES": ["SCAN audit_tables sqlite_autoindex_audit_tables_1"],
        "ADD_TABLE": [],
        "REMOVE_TABLE": ["audit_tables sqlite_autoindex_audit_tables_1 (table_name=?)"],
        "CLEAR_REPLACED": ["SCAN audit_replaced"],
        "CLEAR_ALL_REPLACED": [],
        "HISTORY": ["audit_log idx_audit_log_row (table_name=? AND row_key_json=? AND rowid<?)"],
        "SINCE": ["audit_log idx_audit_log_changed_at (*)"],
        "UNDO_ROW": [
            "audit_log idx_audit_log_row (table_name=? AND row_key_json=? AND rowid>?)",
            "audit_log idx_audit_log_changed_at (changed_at<?)",
        ],
        "UNDO_TABLE": ["audit_log id (rowid>?)", "audit_log idx_audit_log_changed_at (changed_at<?)"],
        "PRUNE": ["audit_log idx_audit_log_changed_at (changed_at<?)"],
        "KNOWN_SINCE": ["SCAN audit_tables"],
    },
    "conversations": {
        "INSERT_SESSION": [*OF_SESSION],
        "SAVED": [SESSION],
        "CONTEXT": ["messages idx_messages_context (session_id=?)"],
        "NOT_REMOVED": ["messages sqlite_autoindex_messages_1 (session_id=?)"],
        "OVERVIEW": [
            "SCAN sessions idx_sessions_activity",
            "agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)",
        ],
        "SEQS_OUT_OF_CONTEXT": ["messages sqlite_autoindex_messages_1 (session_id=?)"],
        "REMOVE": [MESSAGE],
        "BRING_BACK": [MESSAGE],
        "PUT_BACK": ["kept sqlite_autoindex_message_archive_1 (event_id=? AND message_id=?)", ARCHIVED, MESSAGE],
        "FORGET_ORIGINALS": [ARCHIVED],
        "SETTLE_SUMMARIES": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
        ],
        "SETTLE_EVENTS": [
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "message_archive sqlite_autoindex_message_archive_1 (event_id=?)",
            "messages idx_messages_compaction_event_id (compaction_event_id=?)",
        ],
        "MOVE": [MESSAGE],
        "SPOKEN": ["messages idx_messages_context (session_id=?)"],
        "SPOKEN_BESIDE": ["messages idx_messages_context (session_id=?)"],
        "OUTLINE": ["messages idx_messages_context (session_id=?)"],
        "KNOWN_BY_EXTERNAL_ID": ["messages idx_messages_external_id (session_id=? AND external_id=?)"],
        "KNOWN_BY_ID": [MESSAGE],
        "PLACE": [MESSAGE],
        "REWRITE": [MESSAGE],
        "KEEP": [SUMMARY_OF, ARCHIVED, ATTACHED],
        "LIVE_IDS": ["SCAN sessions idx_sessions_activity"],
        "ALL_IDS": ["SCAN sessions"],
        "HIDE_INACTIVE": ["sessions idx_sessions_activity (<expr><?)"],
        "REMOVE_HIDDEN": [*OF_SESSION, "sessions idx_sessions_deleted_at (deleted_at>? AND deleted_at<?)"],
        "PAGE": ["messages sqlite_autoindex_messages_1 (session_id=?)", SESSION],
    },
    "session_search": {
        "NAMES": ["sessions idx_sessions_activity (<expr>>?)"],
        "GET_SUMMARIES": [SESSION],
    },
    "session_hierarchy": {
        "CHILDREN": ["sessions idx_sessions_parent_session_id (parent_session_id=? AND (created_at,id)<(?,?))"],
        "ANCESTORS": [SESSION],
        "SUBTREE": [SESSION, "child idx_sessions_parent_session_id (parent_session_id=?)"],
        "END": [SESSION],
    },
    "session_events": {
        "APPEND": [f"{EVENTS})", "session_event_sequences * (session_id=?)"],
        "GET_BY_ID": ["session_events id (rowid=?)", SESSION],
        "PAGE": [f"{EVENTS} AND sequence>?)", SESSION],
        "PAGE_BACK": [f"{EVENTS} AND sequence<?)", SESSION],
        "PAGE_BY_TYPE": [f"{EVENTS_BY_TYPE} AND sequence>?)", SESSION],
        "PAGE_BACK_BY_TYPE": [f"{EVENTS_BY_TYPE} AND sequence<?)", SESSION],
        "COUNT_BY_SESSION_ID": ["session_events * (session_id=?)"],
        "DELETE_BY_ID": ["session_events id (rowid=?)"],
        "DELETE_UP_TO": [f"{EVENTS} AND sequence<?)"],
    },
    "session_metrics": metric_plans("session_metrics", "session_id"),
    "agent_metrics": metric_plans("agent_metrics", "agent_id"),
    "agent_versions": {
        "INSERT": [],
        "GET_BY_ID": [VERSION],
        "GET_BY_NUMBER": ["agent_versions sqlite_autoindex_agent_versions_2 (agent_id=? AND version_number=?)"],
        "GET_ACTIVE": ["agent_versions idx_agent_versions_is_active (agent_id=?)"],
        "PAGE": ["agent_versions idx_agent_versions_sort_key (agent_id=? AND (sort_key,id)<(?,?))"],
        "COUNT_BY_AGENT_ID": ["agent_versions * (agent_id=?)"],
        "UPDATE": [VERSION],
        "DEACTIVATE": ["agent_versions idx_agent_versions_is_active (agent_id=?)"],
        "ACTIVATE": [VERSION],
        "DELETE": [VERSION],
    },
    "module_states": {
        "APPEND": [f"{CHAIN})", NEXT_STATE, TRANSITIONS],
        "GET_BY_ID": [STATE],
        "GET_CURRENT": [f"{CHAIN})"],
        "GET_AT": [f"{CHAIN})"],
        "PAGE": [f"{CHAIN} AND version<?)"],
        "MODULES_OF_SESSION": ["module_states idx_module_states_session_id (session_id=?)"],
        "MARK_SNAPSHOT": [STATE],
        "EXPIRE": [
            "module_states idx_module_states_expires_at (expires_at<?)",
            NEXT_STATE,
            TRANSITIONS,
        ],
        "DELETE_CHAIN": [f"{CHAIN})", NEXT_STATE, TRANSITIONS],
        "INSERT_TRANSITION": [],
        "TRANSITIONS_OF_STATE": [TRANSITIONS],
        "PAGE_TRANSITIONS": [f"{CHAIN})", "state_transitions idx_state_transitions_state_id (state_id=? AND rowid<?)"],
    },
    "memories": {
        "INSERT": [*OF_MEMORY],
        "UPDATE": [MEMORY],
        "GET_BY_ID": [MEMORY],
        "GET_BY_NUMBERS": [NUMBERED],
        "GET_SUCCESSOR": ["memories idx_memories_supersedes_id (supersedes_id=?)"],
        "VERSIONS": [MEMORY],
        "PAGE": ["memories idx_memories_created_at ((created_at,id)<(?,?))", NEWER],
        **{
            f"PAGE_BY_{owner.upper()}": [
                f"memories idx_memories_{owner}_id ({owner}_id=? AND (created_at,id)<(?,?))",
                NEWER,
            ]
            for owner in ("user", "agent", "session")
        },
        "COUNT_BY_USER": ["memories idx_memories_user_id (user_id=?)"],
        "COUNT": ["SCAN memories *"],
        "DELETE": [MEMORY, *OF_MEMORY],
        "FORGET": [MEMORY, *OF_MEMORY],
        "FORGET_USER": ["memories idx_memories_user_id (user_id=?)", *OF_MEMORY],
        "EXPIRE": ["memories idx_memories_expires_at (expires_at<?)", *OF_MEMORY],
    },
    "memory_accesses": {
        "RECORD": [],
        "GET_BY_ID": ["memory_accesses id (rowid=?)"],
        "PAGE": ["memory_accesses idx_memory_accesses_memory_id (memory_id=? AND accessed_at<?)"],
        "DELETE": ["memory_accesses id (rowid=?)"],
    },
    "memory_annotations": {
        "INSERT": [],
        "GET_BY_ID": [ANNOTATION],
        "PAGE": ["memory_annotations idx_memory_annotations_created_at ((created_at,id)<(?,?))"],
        "PAGE_BY_MEMORY": [
            "memory_annotations idx_memory_annotations_memory_id (memory_id=? AND (created_at,id)<(?,?))"
        ],
        "MARK_APPLIED": [ANNOTATION],
        "DELETE": [ANNOTATION],
    },
    "memory_embeddings": {
        "SET": [],
        "GET": [VECTOR],
        "DIMENSIONS": [OF_MODEL],
        "MODELS": ["SCAN memory_embeddings idx_memory_embeddings_model"],
        "NEXT_MODEL": ["memory_embeddings idx_memory_embeddings_model (model>?)"],
        "DELETE": [VECTOR],
        "DELETE_BY_MODEL": [OF_MODEL],
        "PAGE_WITHOUT": ["memories idx_memories_created_at ((created_at,id)<(?,?))", VECTOR],
        "NEAREST": [OF_MODEL, "memory_embeddings id (rowid=?)", MEMORY, NEWER],
        "NEAREST_AMONG": [OF_MODEL, MEMORY, NEWER],
        "NEAREST_OF_OWNER": [NUMBERED, *OWNED, NEWER, VECTOR],
        "VECTORS": ["memory_embeddings idx_memory_embeddings_model (model=? AND rowid>?)", MEMORY, NEWER],
        "VECTORS_OF_OWNER": [NUMBERED, *OWNED, NEWER, VECTOR],
    },
    "memory_links": {
        "INSERT": [],
        "GET_BY_ID": ["memory_links id (rowid=?)"],
        "PAGE": [
            "memory_links sqlite_autoindex_memory_links_1 (memory_id=?)",
            "memory_links idx_memory_links_related_id (related_id=? AND rowid<?)",
        ],
        "RELATED": [
            "memory_links sqlite_autoindex_memory_links_1 (memory_id=?)",
            "memory_links idx_memory_links_related_id (related_id=?)",
            MEMORY,
        ],
        "DELETE": ["memory_links id (rowid=?)"],
    },
    "memory_search": {
        "MATCH": ["SCAN memories_fts VIRTUAL TABLE INDEX 32:M1", NUMBERED, NEWER],
        "PLACES": ["SCAN memories_fts_places VIRTUAL TABLE INDEX 6:", NUMBERED, NEWER],
        "NEWEST": ["SCAN memories idx_memories_created_at", NEWER],
        "NEWEST_OF_OWNER": [NUMBERED, *OWNED, NEWER],
        "IMPORTANT": ["memories idx_memories_importance (importance>?)", NEWER],
        "IMPORTANT_OF_OWNER": [NUMBERED, *OWNED, NEWER],
        "SIGNALS": [NUMBERED],
        "CHECKPOINT": [],
        "OPTIMIZE": [],
    },
    "attachments": {
        "INSERT": [SESSION],
        "INSERT_CONTENT": [],
        "INSERT_PIECE": [],
        "GET_SIZE": [CONTENT],
        "GET_PIECE": ["attachment_pieces sqlite_autoindex_attachment_pieces_1 (sha256=? AND piece=?)"],
        "UPDATE": ["attachments id (rowid=?)"],
        "GET_BY_ID": ["attachments id (rowid=?)", SESSION, CONTENT],
        "GET_BY_MESSAGE_ID": [ATTACHED, SESSION, CONTENT],
        "PAGE": ["attachments idx_attachments_session_id (session_id=? AND rowid<?)", SESSION, CONTENT],
        "DELETE_BY_ID": ["attachments id (rowid=?)", SESSION],
        "COPY_TO_FORK": [
            "attachments idx_attachments_session_id (session_id=?)",
            "original id (rowid=?)",
            "copied sqlite_autoindex_messages_1 (session_id=? AND seq=? AND in_transcript=?)",
        ],
    },
    "transfer": {
        "AGENTS": [AGENT, SESSION],
        "AGENT": [AGENT],
        "SESSION": [SESSION],
        "LOWEST_IDS": [
            "messages sqlite_autoindex_messages_1 (session_id=?)",
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "agent_switches idx_agent_switches_session_id (session_id=?)",
            "session_logs sqlite_autoindex_session_logs_1 (session_id=?)",
            "attachments idx_attachments_session_id (session_id=?)",
            "session_events sqlite_autoindex_session_events_1 (session_id=?)",
            "session_metrics idx_session_metrics_series (session_id=?)",
            "module_states idx_module_states_session_id (session_id=?)",
            "state_transitions idx_state_transitions_state_id (state_id=?)",
        ],
        "MESSAGES": ["messages sqlite_autoindex_messages_1 (session_id=? AND seq>?)"],
        "COMPACTION_EVENTS": ["compaction_events idx_compaction_events_session_id (session_id=? AND rowid>?)"],
        "MESSAGE_ARCHIVE": [
            "compaction_events idx_compaction_events_session_id (session_id=? AND rowid>?)",
            "message_archive sqlite_autoindex_message_archive_1 (event_id=?)",
        ],
        "AGENT_SWITCHES": ["agent_switches idx_agent_switches_session_id (session_id=? AND rowid>?)"],
        "AGENT_CONTEXT": ["agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)"],
        "SESSION_LOGS": ["session_logs sqlite_autoindex_session_logs_1 (session_id=? AND id>?)"],
        "ATTACHMENTS": ["attachments idx_attachments_session_id (session_id=? AND rowid>?)"],
        "SESSION_EVENTS": ["session_events sqlite_autoindex_session_events_1 (session_id=? AND sequence>?)"],
        "EVENT_SEQUENCE": ["session_event_sequences sqlite_autoindex_session_event_sequences_1 (session_id=?)"],
        "SESSION_METRICS": [
            "session_metrics idx_session_metrics_series (session_id=? AND (metric_type,recorded_at)>(?,?))"
        ],
        "MODULE_STATES": ["module_states idx_module_states_session_id (session_id=? AND (module_id,version)>(?,?))"],
        "STATE_TRANSITIONS": [
            "state_transitions idx_state_transitions_state_id (state_id=?)",
            "module_states idx_module_states_session_id (session_id=?)",
        ],
        "ATTACHMENT_CONTENTS": [CONTENT, "attachments idx_attachments_session_id (session_id=?)"],
        "LAST_ID": ["sqlite_sequence"],
        "INSERT_AGENT": [
            "sessions idx_sessions_main_agent_id (main_agent_id=?)",
            "memories idx_memories_agent_id (agent_id=?)",
            "agent_versions idx_agent_versions_sort_key (agent_id=?)",
            "agent_metrics idx_agent_metrics_series (agent_id=?)",
        ],
        "INSERT_SESSION": [*OF_SESSION],
        "FINISH_SESSION": [SESSION],
        "INSERT_MESSAGE": [ATTACHED, ARCHIVED, SUMMARY_OF],
        "INSERT_COMPACTION_EVENT": [MESSAGE, "message_archive sqlite_autoindex_message_archive_1 (event_id=?)"],
        "INSERT_MESSAGE_ARCHIVE": ["compaction_events id (rowid=?)", MESSAGE],
        "INSERT_AGENT_SWITCH": [],
        "INSERT_AGENT_CONTEXT": [],
        "INSERT_SESSION_LOG": [],
        "INSERT_SESSION_EVENT": [],
        "INSERT_EVENT_SEQUENCE": [],
        "INSERT_SESSION_METRIC": [],
        "INSERT_MODULE_STATE": [
            "module_states sqlite_autoindex_module_states_1 (id=?)",
            "module_states idx_module_states_previous_state_id (previous_state_id=?)",
            "state_transitions idx_state_transitions_state_id (state_id=?)",
        ],
        "INSERT_STATE_TRANSITION": ["module_states sqlite_autoindex_module_states_1 (id=?)"],
        "INSERT_ATTACHMENT": [],
        "INSERT_ATTACHMENT_CONTENT": [
            "attachments idx_attachments_sha256 (sha256=?)",
            "attachment_pieces sqlite_autoindex_attachment_pieces_1 (sha256=?)",
        ],
        "DANGLING_MARK": ["messages sqlite_autoindex_messages_1 (session_id=?)", "compaction_events id (rowid=?)"],
    },
    "memory_transfer": {
        "SESSIONS": ["sessions idx_sessions_user_id (user_id=?)"],
        "AGENTS": ["agents sqlite_autoindex_agents_1 (id=?)", "memories idx_memories_user_id (user_id=?)"],
        "MEMORIES": ["memories idx_memories_user_id (user_id=?)"],
        "MEMORY": ["memories sqlite_autoindex_memories_1 (id=?)"],
        "LINKS": [
            "memory_links idx_memory_links_related_id (related_id=? AND rowid>?)",
            "memories idx_memories_user_id (user_id=?)",
        ],
        "ACCESSES": [
            "memory_accesses idx_memory_accesses_memory_id (memory_id=?)",
            "memories idx_memories_user_id (user_id=?)",
        ],
        "ANNOTATIONS": [
            "memory_annotations idx_memory_annotations_memory_id (memory_id=?)",
            "memories idx_memories_user_id (user_id=?)",
        ],
        "EMBEDDINGS": [
            "memory_embeddings sqlite_autoindex_memory_embeddings_1 (memory_id=?)",
            "memories idx_memories_user_id (user_id=?)",
        ],
        "INSERT_MEMORY": [
            "memory_embeddings sqlite_autoindex_memory_embeddings_1 (memory_id=?)",
            "memory_annotations idx_memory_annotations_memory_id (memory_id=?)",
            "memory_accesses idx_memory_accesses_memory_id (memory_id=?)",
            "memory_links idx_memory_links_related_id (related_id=?)",
            "memory_links sqlite_autoindex_memory_links_1 (memory_id=?)",
            "memories idx_memories_supersedes_id (supersedes_id=?)",
        ],
        "INSERT_LINK": [],
        "SAME_LINK": ["memory_links sqlite_autoindex_memory_links_1 (memory_id=? AND related_id=? AND kind=?)"],
        "INSERT_ACCESS": [],
        "SAME_ACCESS": ["memory_accesses idx_memory_accesses_memory_id (memory_id=? AND accessed_at=?)"],
        "INSERT_ANNOTATION": [],
        "SAME_ANNOTATION": ["memory_annotations sqlite_autoindex_memory_annotations_1 (id=?)"],
        "INSERT_EMBEDDING": [],
        "SAME_EMBEDDING": ["memory_embeddings sqlite_autoindex_memory_embeddings_1 (memory_id=? AND model=?)"],
        "FORGET_HISTORY": ["SCAN audit_log", "audit_log idx_audit_log_row (table_name=?)", "SCAN own"],
        "COUNTS": [
            "memories idx_memories_user_id (user_id=?)",
            "memory_links sqlite_autoindex_memory_links_1 (memory_id=?)",
            "memory_accesses idx_memory_accesses_memory_id (memory_id=?)",
            "memory_annotations idx_memory_annotations_memory_id (memory_id=?)",
            "memory_embeddings sqlite_autoindex_memory_embeddings_1 (memory_id=?)",
        ],
    },
    "erasure": {
        "FORGET_HISTORY": [
            "SCAN audit_log",
            "audit_log idx_audit_log_row (table_name=?)",
            "SCAN own",
            "own USING AUTOMATIC PARTIAL COVERING INDEX (table_name=?)",
            "attachment_contents sqlite_autoindex_attachment_contents_1 (sha256=?)",
        ],
        "COUNTS": [
            SESSION,
            "messages sqlite_autoindex_messages_1 (session_id=?)",
            "compaction_events idx_compaction_events_session_id (session_id=?)",
            "message_archive sqlite_autoindex_message_archive_1 (event_id=?)",
            "agent_switches idx_agent_switches_session_id (session_id=?)",
            "agent_contexts sqlite_autoindex_agent_contexts_1 (session_id=?)",
            "session_logs idx_session_logs_created_at (session_id=?)",
            "session_events sqlite_autoindex_session_events_1 (session_id=?)",
            "session_event_sequences sqlite_autoindex_session_event_sequences_1 (session_id=?)",
            "session_metrics idx_session_metrics_series (session_id=?)",
            "module_states idx_module_states_session_id (session_id=?)",
            "state_transitions idx_state_transitions_state_id (state_id=?)",
            "attachments idx_attachments_session_id (session_id=?)",
        ],
        "CONTENT_COUNTS": [
            "SCAN attachment_contents sqlite_autoindex_attachment_contents_1",
            "SCAN attachment_pieces sqlite_autoindex_attachment_pieces_1",
        ],
        "FORKS": ["sessions idx_sessions_forked_from_id (forked_from_id=?)", "SCAN forks"],
        "SEARCH_INDEXES": ["SCAN virtual", "SCAN kept"],
        "OVERWRITE_FREED": [],
        "VACUUM": [],
        "KEEP_JOURNAL": [],
        "REMOVE_JOURNAL": [],
        "CHECKPOINT": [],
    },
}

#: These list or count a whole table.
WHOLE = {
    ("agents", "LIST"),
    ("agents", "COUNT"),
    ("agents", "COUNT_BY_TYPE"),
    ("sessions", "LIST"),
    ("sessions", "LIST_WITH_LIMIT"),
    ("sessions", "COUNT"),
    ("sessions", "COUNT_LIVE"),
    ("agent_contexts", "SESSION_IDS"),
    ("conversations", "LIVE_IDS"),
    ("conversations", "OVERVIEW"),
    ("conversations", "ALL_IDS"),
    ("messages", "PARTIAL"),
    ("audit", "TABLES"),
    ("audit", "KNOWN_SINCE"),
    ("memory_transfer", "FORGET_HISTORY"),
    ("erasure", "FORGET_HISTORY"),  # whose row an entry is of stands in its JSON
    ("audit", "CLEAR_REPLACED"),  # a row for each that one statement replaces: none, nearly always
    ("session_forks", "OFFSETS"),  # how many ids each table has given: sqlite_sequence has no index
    ("memories", "COUNT"),
    ("memory_embeddings", "MODELS"),
    ("memory_search", "NEWEST"),
    ("erasure", "CONTENT_COUNTS"),
    ("erasure", "FORKS"),
    ("erasure", "SEARCH_INDEXES"),
}
#: These sort, for the reason that stands with each.
SORTED = {
    **{
        ("memory_transfer", name): "the rows of one user, by their numbers"
        for name in ("MEMORIES", "LINKS", "ACCESSES", "ANNOTATIONS", "EMBEDDINGS")
    },
    ("memory_transfer", "FORGET_HISTORY"): "whose row an entry is of stands in its JSON; the keys are collected",
    ("session_logs", "GET_SUBTREE"): "a tree is walked by parents and shown by time",
    ("session_hierarchy", "ANCESTORS"): "a tree is walked by parents and shown by depth",
    ("session_hierarchy", "SUBTREE"): "as ANCESTORS",
    ("module_states", "PAGE_TRANSITIONS"): "transitions of a chain are found by their states",
    **{
        (table, "AGGREGATE"): "the last value of a period is that of the latest time"
        for table in ("session_metrics", "agent_metrics")
    },
    **{
        ("session_forks", f"COPY_{name}"): "copies have ids in the order of those they are copied from"
        for name in ("MESSAGES", "EVENTS", "ARCHIVE")
    },
    ("session_forks", "TREE"): "a tree is walked by forks and shown by time",
    ("memories", "VERSIONS"): "versions are found one by the other",
    ("memory_links", "PAGE"): "links are found at both their ends",
    ("memory_links", "RELATED"): "as PAGE",
    ("memory_search", "PLACES"): "numbers alone are sorted",
    **{
        ("memory_search", f"{name}_OF_OWNER"): "the memories of one owner; numbers alone are sorted"
        for name in ("NEWEST", "IMPORTANT")
    },
    **{
        ("memory_embeddings", name): "distances are computed; the nearest alone are kept"
        for name in ("NEAREST", "NEAREST_AMONG", "NEAREST_OF_OWNER")
    },
    ("message_search", "MATCH"): "a rank is computed; ids and ranks alone are sorted",
    ("message_search", "PLACES"): "the places of a short word are in the order of terms; ids alone are sorted",
    ("message_search", "SESSIONS_OF"): "ids are grouped by session",
    ("sessions", "PAGE_PINNED"): "few sessions are pinned",
    ("sessions", "PAGE_BY_ACTIVITY_PINNED"): "few sessions are pinned",
    ("compactions", "PRUNED"): "the archive is in the order of ids, what is shown in that of seqs",
    ("compactions", "ORIGINALS"): "as PRUNED",
    ("messages", "LISTING"): "the index is for the transcript alone: summaries and removed messages share a seq",
    ("messages", "LATEST_LISTING"): "as LISTING",
    ("messages", "PAGE_LISTING"): "as LISTING",
    ("messages", "PAGE_BACK_LISTING"): "as LISTING",
    ("conversations", "NOT_REMOVED"): "only messages of one seq are sorted: a summary and what it stands for",
    ("transfer", "AGENTS"): "the ids that a session names are few",
    ("transfer", "MESSAGES"): "only messages of one seq are sorted: removed ones and summaries",
    ("erasure", "FORKS"): "the ids of one session's forks",
    ("conversations", "ALL_IDS"): "the index by activity holds live sessions alone; ids alone are sorted",
}
#: Values that fit, by parameter; those that are not here are NULL.
FITTING: dict[str, Any] = {
    "name": "n",
    "model": "m",
    "main_agent_id": "a",
    "session_id": "s",
    "role": "user",
    "type": "message",
    "content": "{}",
    "status": "idle",
    "current_agent": "a",
    "to_agent": "b",
    "strategy": "x",
    "switch_count": 0,
    "limit": 1,
    "offset": 0,
    "ids": "[1]",
    "seq": 1,
    "is_preserved": 0,
    "is_summary": 0,
    "expression": '"abc"',
    "original_tokens": 1,
    "compacted_tokens": 1,
    "messages_removed": 1,
    "is_estimated": 0,
    "summary_content": "x",
    "duration_ms": 1,
    "preserved_message_ids_json": "[]",
    "permission_mode": "readOnly",
    "max_steps": 1,
    "event_id": 1,
    "actor": "user:7",
    "table_name": "agents",
    "agent_id": "a",
    "module_id": "m",
    "metric_type": "x",
    "metric_value": 1.0,
    "event_type": "x",
    "trigger_type": "x",
    "state_id": "m",
    "state_hash": "x",
    "state_json": "{}",
    "snapshot_json": "{}",
    "version_number": "1.0.0",
    "sort_key": "x",
    "text": "x",
    "content_json": "{}",
    "importance": 0.5,
    "confidence": 0.5,
    "verification_status": "verified",
    "memory_id": "m",
    "related_id": "n",
    "kind": "verification",
    "access_type": "read",
    "accessor_type": "agent",
    "dimensions": 1,
    "vector": b"1234",
    "numbers": "[1]",
    "candidates": 1,
    "term": "abc",
    **dict.fromkeys(("created_at", "updated_at", "removed_at"), "2024-05-17T12:30:15.123Z"),
    "sha256": "there",
    "size": 1,
    "piece": 0,
    "data": b"x",
    "last_seq": 0,
    "origin_id": "s",
    **dict.fromkeys(("switched_at",), "2024-05-17T12:30:15.123Z"),
    **dict.fromkeys(("created_at", "updated_at"), "2024-05-17T12:30:15.123Z"),
}
OTHERWISE: dict[str, dict[str, Any]] = {
    "messages": {"status": "complete"},
    "agents": {"id": "new"},
    "sessions": {"id": "new"},
    "conversations": {"id": "new", "status": "complete"},
    "agent_versions": {"id": "new"},
    "module_states": {"id": "new"},
    "memories": {"id": "new"},
    "memory_annotations": {"id": "new"},
    "transfer": {"id": 1, "status": "complete"},
}
OF_ONE: dict[tuple[str, str], dict[str, Any]] = {
    ("attachments", "INSERT_CONTENT"): {"sha256": "new"},
    ("session_forks", "COPY_SESSION"): {"session_id": "new"},
    ("transfer", "INSERT_AGENT"): {"id": "new"},
    ("memory_transfer", "INSERT_MEMORY"): {
        "id": "new",
        "type": "fact",
        "importance": 0.5,
        "confidence": 1.0,
        "verification_status": "unverified",
        "created_at": "2024-01-01T00:00:00.000Z",
        "updated_at": "2024-01-01T00:00:00.000Z",
        "text": "x",
        "content_json": "1",
    },
    ("memory_transfer", "INSERT_LINK"): {
        "memory_id": "m",
        "related_id": "n",
        "kind": "x",
        "created_at": "2024-01-01T00:00:00.000Z",
    },
    ("memory_transfer", "INSERT_ACCESS"): {
        "memory_id": "m",
        "access_type": "read",
        "accessor_type": "user",
        "accessed_at": "2024-01-01T00:00:00.000Z",
    },
    ("memory_transfer", "INSERT_ANNOTATION"): {
        "id": "new",
        "memory_id": "m",
        "kind": "verification",
        "is_applied": 0,
        "created_at": "2024-01-01T00:00:00.000Z",
    },
    ("memory_transfer", "INSERT_EMBEDDING"): {
        "memory_id": "m",
        "model": "x",
        "dimensions": 1,
        "created_at": "2024-01-01T00:00:00.000Z",
        "vector": bytes(4),
    },
    ("transfer", "INSERT_SESSION_EVENT"): {"sequence": 1, "event_type": "x"},
    ("transfer", "INSERT_EVENT_SEQUENCE"): {"last_sequence": 1},
    ("transfer", "INSERT_SESSION_METRIC"): {
        "metric_type": "x",
        "metric_value": 1.0,
        "timeframe": "event",
        "recorded_at": "2024-01-01T00:00:00.000Z",
    },
    ("transfer", "INSERT_MODULE_STATE"): {
        "id": "new",
        "module_id": "x",
        "version": 1,
        "state_hash": "x",
        "is_snapshot": 0,
        "state_json": "{}",
    },
    ("transfer", "INSERT_SESSION"): {"id": "new", "status": "idle"},
    ("transfer", "INSERT_MESSAGE"): {"compaction_event_id": None},
}
parametrized = pytest.mark.parametrize(
    ("place", "sql"), CONSTANTS.items(), ids=[".".join(place) for place in CONSTANTS]
)


@pytest.fixture(autouse=True)
def _rows(connection: sqlite3.Connection, add_agent: Add, add_session: Add) -> None:
    add_agent(connection)
    add_session(connection)
    connection.execute("INSERT INTO memories (id, text, content_json) VALUES ('m', 'x', '1'), ('n', 'x', '1')")
    # sqlite-vec is an extra, which this Python may not be able to load.
    connection.create_function("vec_distance_cosine", 2, lambda one, other: 0.0)
    connection.execute(
        "INSERT INTO module_states (id, module_id, version, state_hash, state_json) VALUES ('m', 'other', 1, 'x', '{}')"
    )
    connection.execute("INSERT INTO attachment_contents (sha256, size) VALUES ('there', 1)")


def parameters_of(sql: str) -> set[str]:
    return set(re.findall(r":([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", sql)))


def plan_of(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(parameters_of(sql)))]


#: Scans of what is in the statement itself: JSON that it reads (index 1), and what its own subqueries give.
NO_TABLE = (
    r"SCAN (json_each|tree|above|copied|event_copy|version|near|link|place$|said|CONSTANT ROW"
    r"|\(subquery|\w+ VIRTUAL TABLE INDEX 1:)"
)
#: A virtual table that is asked for a word, or for a range of terms.
SEARCHED = (
    "VIRTUAL TABLE INDEX 0:",
    "VIRTUAL TABLE INDEX 192:M",
    "_fts_places VIRTUAL TABLE INDEX 6:",
    "VIRTUAL TABLE INDEX 32:M1",
)


def reads(plan: list[str]) -> list[str]:
    """Which tables a plan reads, and by what: 'table index (terms)', or 'SCAN table index'."""
    found = []
    for step in plan:
        if step.startswith(("SEARCH", "SCAN")) and not re.match(NO_TABLE, step):
            short = re.sub(r" USING (COVERING )?INDEX", "", step).replace(" USING INTEGER PRIMARY KEY", " id")
            found.append(short.removeprefix("SEARCH ").removesuffix(" LEFT-JOIN"))
    return found


@parametrized
def test_a_constant_binds_columns_and_what_every_constant_binds(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    columns = connection.execute(
        "SELECT DISTINCT column.name FROM pragma_table_list AS list JOIN pragma_table_info(list.name) AS column"
        " WHERE list.schema = 'main' AND list.type = 'table'"
    )
    assert parameters_of(sql) <= {row["name"] for row in columns} | BESIDE | {"event_id"}


@parametrized
def test_a_constant_is_one_statement_that_runs_with_its_parameters_and_no_fewer(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    assert sql == sql.strip()
    assert ";" not in sql
    values = FITTING | OTHERWISE.get(place[0], {"id": 1}) | OF_ONE.get(place, {})
    given = {name: values.get(name) for name in parameters_of(sql)}
    for missing in given:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute(sql, {name: value for name, value in given.items() if name != missing})
    if not sql.startswith(("PRAGMA", "VACUUM")):
        connection.execute("BEGIN")
    connection.execute(sql, given).fetchall()
    connection.execute("COMMIT" if connection.in_transaction else "SELECT 1")
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@parametrized
def test_a_constant_is_answered_as_it_is_meant_to_be(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    found, meant = reads(plan_of(connection, sql)), PLANS[place[0]][place[1]]
    assert [step for step in found if not any(fnmatchcase(step, pattern) for pattern in meant)] == []
    assert [pattern for pattern in meant if not any(fnmatchcase(step, pattern) for step in found)] == []


@parametrized
def test_a_constant_uses_an_index_unless_it_lists_a_whole_table_and_sorts_only_for_a_reason(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    plan = plan_of(connection, sql)
    scans = [step for step in reads(plan) if step.startswith("SCAN") and not any(way in step for way in SEARCHED)]
    assert bool(scans) is (place in WHOLE), plan
    assert any("TEMP B-TREE" in step for step in plan) is (place in SORTED), plan


def test_every_plan_is_that_of_a_constant() -> None:
    assert {(owner, name) for owner, plans in PLANS.items() for name in plans} == CONSTANTS.keys()


def test_no_statement_that_lists_sessions_reads_messages() -> None:
    for (owner, name), sql in CONSTANTS.items():
        if owner == "sessions" and "PAGE" in name:
            assert "messages" not in sql
