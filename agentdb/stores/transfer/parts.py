"""What belongs to a session: one entry for each table, in the order in which its rows stand in an export.

A table of a later entity is added here, and its statements are added to agentdb.queries.transfer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentdb.queries import transfer

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Part:
    """One table. `select` gives its rows behind the key that :cursor_… names; without a `key` it gives one row, or none."""

    table: str
    select: str
    insert: str
    #: Columns that tell its rows apart, in the order of `select`, each with what is before all of its values.
    key: Mapping[str, int | str] = field(default_factory=dict)
    #: Columns with an id, and the table whose ids they are: the ids of a session may be others in another database.
    ids: Mapping[str, str] = field(default_factory=dict)
    #: As `ids`, for columns with a JSON array of ids.
    id_arrays: Mapping[str, str] = field(default_factory=dict)
    #: Columns of it in the export, in their order.
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        listed = self.select.partition("FROM")[0].removeprefix("SELECT").split(",")
        object.__setattr__(self, "columns", tuple([name.strip().rpartition(".")[2] for name in listed]))

    @property
    def has_session_id(self) -> bool:
        """Whether each row says whose it is."""
        return "session_id" in self.columns

    @property
    def is_numbered(self) -> bool:
        """Whether its rows have numbers of this database."""
        return self.ids.get("id") == self.table


_BY_ID: Mapping[str, int | str] = {"id": 0}

AGENTS = Part("agents", transfer.AGENTS, transfer.INSERT_AGENT, key={"id": ""})
SESSIONS = Part("sessions", transfer.SESSION, transfer.INSERT_SESSION)
CONTENTS = Part(
    "attachment_contents", transfer.ATTACHMENT_CONTENTS, transfer.INSERT_ATTACHMENT_CONTENT, key={"sha256": ""}
)
#: Behind the row of each content; their data are in base64.
PIECES = "attachment_pieces"

PARTS: tuple[Part, ...] = (
    AGENTS,
    SESSIONS,
    Part(
        "messages",
        transfer.MESSAGES,
        transfer.INSERT_MESSAGE,
        key={"seq": 0, "id": 0},
        ids={"id": "messages", "compaction_event_id": "compaction_events"},
    ),
    Part(
        "compaction_events",
        transfer.COMPACTION_EVENTS,
        transfer.INSERT_COMPACTION_EVENT,
        key=_BY_ID,
        ids={"id": "compaction_events", "summary_message_id": "messages"},
        id_arrays={"preserved_message_ids_json": "messages"},
    ),
    Part(
        "message_archive",
        transfer.MESSAGE_ARCHIVE,
        transfer.INSERT_MESSAGE_ARCHIVE,
        key={"event_id": 0, "message_id": 0},
        ids={"event_id": "compaction_events", "message_id": "messages"},
    ),
    Part(
        "agent_switches",
        transfer.AGENT_SWITCHES,
        transfer.INSERT_AGENT_SWITCH,
        key=_BY_ID,
        ids={"id": "agent_switches"},
    ),
    Part("agent_contexts", transfer.AGENT_CONTEXT, transfer.INSERT_AGENT_CONTEXT),
    Part(
        "session_logs",
        transfer.SESSION_LOGS,
        transfer.INSERT_SESSION_LOG,
        key=_BY_ID,
        ids={"id": "session_logs", "parent_id": "session_logs"},
    ),
    Part(
        "session_events",
        transfer.SESSION_EVENTS,
        transfer.INSERT_SESSION_EVENT,
        key={"sequence": 0},
        ids={"id": "session_events"},
    ),
    Part("session_event_sequences", transfer.EVENT_SEQUENCE, transfer.INSERT_EVENT_SEQUENCE),
    Part(
        "session_metrics",
        transfer.SESSION_METRICS,
        transfer.INSERT_SESSION_METRIC,
        key={"metric_type": "", "recorded_at": "", "id": 0},
        ids={"id": "session_metrics"},
    ),
    Part(
        "module_states",
        transfer.MODULE_STATES,
        transfer.INSERT_MODULE_STATE,
        key={"module_id": "", "version": 0},
    ),
    Part(
        "state_transitions",
        transfer.STATE_TRANSITIONS,
        transfer.INSERT_STATE_TRANSITION,
        key={"state_id": "", "id": 0},
        ids={"id": "state_transitions"},
    ),
    Part(
        "attachments",
        transfer.ATTACHMENTS,
        transfer.INSERT_ATTACHMENT,
        key=_BY_ID,
        ids={"id": "attachments", "message_id": "messages"},
    ),
    CONTENTS,
)
BY_TABLE: Mapping[str, Part] = {part.table: part for part in PARTS}
