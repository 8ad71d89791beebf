"""The audit trail: what was changed in the tables that are audited, by whom and when.

Why it is as it is:

- The triggers that write it are made by `audit.enable()`, for the tables that it names. Where nothing is audited there is
  no trigger, and these tables stay empty.
- `row_key_json` is an array with the primary key's values in its order. It is an array, so a key column may be renamed.
- `before_json` and `after_json` are objects of columns. An update has the columns that changed alone.
- The order of entries is that of their ids: several happen in one millisecond, and clocks go back.
- `audit_log` has no CHECK. A statement in a trigger takes the conflict policy of the statement that fired it. So an INSERT
  OR IGNORE would skip an entry that a CHECK refuses, and nobody would know.
- `audit_actor` has its row inside a transaction alone: it is written behind BEGIN and deleted before COMMIT. So no other
  connection ever sees it, and it goes with a rollback.
- `audit_replaced` has the rows whose place an INSERT or UPDATE is about to take. A REPLACE deletes them without a trigger.
  `action` is the one of the statement that takes their place, for a trigger of an INSERT may fire an UPDATE.
- `audit_snapshot` has the rows of audited tables while a migration changes these tables. It is empty otherwise.
- `known_since` is the earliest time for which the rows of a table can be told.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="014",
    description="Audit trail",
    up=(
        """\
CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  row_key_json TEXT NOT NULL,
  action TEXT NOT NULL,
  before_json TEXT,
  after_json TEXT,
  actor TEXT,
  changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT""",
        "CREATE INDEX idx_audit_log_row ON audit_log (table_name, row_key_json)",
        "CREATE INDEX idx_audit_log_changed_at ON audit_log (changed_at)",
        """\
CREATE TABLE audit_tables (
  table_name TEXT NOT NULL PRIMARY KEY,
  known_since TEXT NOT NULL CONSTRAINT known_since_is_utc_with_ms CHECK (
    known_since BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', known_since) IS known_since
    AND date(known_since, '+0 days') IS substr(known_since, 1, 10)
  )
) STRICT""",
        """\
CREATE TABLE audit_actor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  actor TEXT NOT NULL
) STRICT""",
        """\
CREATE TABLE audit_replaced (
  id INTEGER PRIMARY KEY,
  table_name TEXT NOT NULL,
  action TEXT NOT NULL,
  row_key_json TEXT NOT NULL,
  first_key ANY,
  before_json TEXT NOT NULL,
  log_id INTEGER NOT NULL
) STRICT""",
        """\
CREATE TABLE audit_snapshot (
  table_name TEXT NOT NULL,
  row_key_json TEXT NOT NULL,
  cells_json TEXT NOT NULL,
  PRIMARY KEY (table_name, row_key_json)
) STRICT""",
    ),
    down=(
        "DROP TABLE audit_snapshot",
        "DROP TABLE audit_replaced",
        "DROP TABLE audit_actor",
        "DROP TABLE audit_tables",
        "DROP TABLE audit_log",
    ),
)
