from __future__ import annotations

from typing import Any


def test_tables_are_audited_and_their_history_is_shown(cli: Any, query: Any) -> None:
    cli("migrate")
    assert cli("audit", "status").stdout == "nothing is audited in agents.db\n"
    assert cli("audit", "enable", "--table", "agents", "--table", "session_logs").stdout == (
        "audited in agents.db: agents, session_logs\n"
    )
    query("agents.db", "INSERT INTO agents (id, name, model) VALUES ('a', 'Researcher', 'm')")
    query("agents.db", "UPDATE agents SET name = 'Writer'")
    changed, created = cli("audit", "history", "agents", "a").stdout.splitlines()
    assert changed.endswith('  update  {"name": "Writer"}')
    assert "  insert  {" in created
    document = cli.json("audit", "history", "agents", "a", "--limit", 1)
    assert document["key"] == ["a"]
    assert [(entry["before"], entry["after"]) for entry in document["entries"]] == [
        ({"name": "Researcher"}, {"name": "Writer"})
    ]
    assert [one["is_current"] for one in cli.json("audit", "status")["tables"]] == [True, True]
    assert cli("audit", "history", "session_logs", 5).stdout == "the log has nothing of session_logs 5\n"
    assert cli.json("audit", "history", "session_logs", 5)["key"] == [5]
    assert cli.json("audit", "history", "pairs", '["x", 1]')["key"] == ["x", 1]
    assert cli.json("audit", "prune", "--before", "2100-01-01T00:00:00Z")["removed"] == 2
    assert cli.json("audit", "disable", "--table", "agents")["tables"] == ["session_logs"]
    assert cli("audit", "disable").stdout == "audited in agents.db: nothing\n"


def test_a_table_that_raw_sql_has_changed_is_told_with_exit_code_1(cli: Any, query: Any) -> None:
    cli("migrate")
    query("agents.db", "CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    cli("audit", "enable", "--table", "notes", "--without-existing")
    query("agents.db", "ALTER TABLE notes ADD COLUMN text")
    assert "enable it again" in cli("audit", "status", code=1).stdout


def test_what_is_told_where_it_cannot_be_done(cli: Any, query: Any) -> None:
    query("empty.db", "CREATE TABLE notes (id)")
    for command in (("status", "empty.db"), ("enable", "empty.db"), ("history", "notes", "1", "empty.db")):
        assert "has no audit trail yet" in cli("audit", *command, code=1).stderr
    cli("migrate")
    assert "not_auditable" in cli("audit", "enable", "--table", "audit_log", code=2).stderr
    assert "write it as" in cli("audit", "prune", "--before", "soon", code=2).stderr
