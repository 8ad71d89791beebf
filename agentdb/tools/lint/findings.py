"""The rules of the linter: their severities and remedies; and a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Severity: TypeAlias = Literal["error", "warning", "note"]


class Rule(NamedTuple):
    """What a rule says: how grave it is, and what to do."""

    severity: Severity
    remedy: str


#: Code -> rule. An error stops users or loses something; a warning may; a note is for those who ask.
RULES: dict[str, Rule] = {
    "drop_table": Rule(
        "warning", "See that no released build reads it. To keep the way back open, drop it one release later."
    ),
    "drop_column": Rule(
        "warning",
        "See that no released build reads it. A down cannot bring the values back: copy them first, or drop later.",
    ),
    "hand_made_rebuild": Rule(
        "error", "Use RebuildTable, which keeps indexes, triggers, references and AUTOINCREMENT."
    ),
    "rename_first": Rule(
        "error", "Never rename the old table first: references, views and triggers follow it. Use RebuildTable."
    ),
    "foreign_key_without_index": Rule(
        "warning",
        "Create an index that begins with these columns. Without it each delete of a parent reads the whole table.",
    ),
    "missing_down": Rule("note", "Write a down, or say why there is none."),
    "non_constant_default": Rule(
        "error",
        "SQLite refuses it where the table has rows. Add the column without a default, then UPDATE; or RebuildTable.",
    ),
    "not_null_without_default": Rule(
        "error", "SQLite refuses it where the table has rows. Give a DEFAULT that is not NULL, or use RebuildTable."
    ),
    "two_time_formats": Rule(
        "warning",
        "Texts of the two forms do not sort together. Use strftime('%Y-%m-%dT%H:%M:%fZ', 'now') everywhere.",
    ),
    "or_rollback": Rule(
        "error", "It ends the transaction of the migration. Use ABORT, which undoes the statement alone."
    ),
    "double_quoted_string": Rule("warning", "Write text in single quotes. Some builds of SQLite take it for a name."),
    "insert_select_without_columns": Rule(
        "warning", "Name the columns: INSERT INTO t (a, b) SELECT a, b. Their order may differ between databases."
    ),
    "view_or_trigger_broken": Rule("error", "Drop it before the change, and create it again behind it."),
    "unique_on_existing_rows": Rule(
        "warning", "It fails where rows repeat. First delete or merge the repeated rows in the same migration."
    ),
    "newer_than_floor": Rule(
        "error", "Write it without that, or raise the oldest SQLite that the application runs on."
    ),
    "libsql_refuses": Rule("note", "A libSQL server refuses it. Leave it out of migrations that run there."),
    "unknown_rule": Rule("warning", "Correct the name of the rule, or delete the line."),
    "not_run": Rule(
        "warning", "Correct it; `agentdb validate` says more. What comes behind it was read as text alone."
    ),
}


@dataclass(frozen=True)
class LintFinding:
    """One finding.

    code: of the rule. severity: `error`, `warning` or `note`. part: `up` or `down`. statement: its number, from 1; None
    where it is about the migration. line: in the SQL file, from 1, where it came from one; else in the statement. reason:
    why it was silenced; None where it was not.
    """

    code: str
    severity: Severity
    message: str
    remedy: str
    migration_id: str
    part: str = "up"
    statement: int | None = None
    line: int | None = None
    reason: str | None = None

    def __str__(self) -> str:
        where = f", statement {self.statement}" if self.statement is not None else ""
        where += f", line {self.line}" if self.line is not None else ""
        return f"{self.migration_id}{where}: {self.message} [{self.code}]"
