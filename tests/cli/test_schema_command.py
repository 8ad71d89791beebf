from __future__ import annotations

from pathlib import Path
from typing import Any


def test_the_schema_as_sql_and_as_pictures(cli: Any, place: Path, contents: Any) -> None:
    cli("migrate")
    before = contents(place)
    assert cli("schema").stdout == cli("schema", "--all").stdout
    assert cli("schema").stdout.startswith("CREATE TABLE agents (")
    assert cli("schema", "--diagram", "mermaid").stdout.startswith("erDiagram\n")
    assert cli("schema", "--diagram", "svg").stdout.startswith("<svg ")
    found = cli.json("schema", "--diagram", "mermaid", "--without", "audit_*")
    assert "sessions" in {table["name"] for table in found["tables"]}
    assert "audit_log" not in found["text"]
    assert contents(place) == before
    assert cli.error("schema", "missing.db")["code"] == "file_missing"
    assert cli.error("schema", "agents.db", "--all", code=2)["code"] == "usage"


def test_the_history_as_a_list_and_as_a_timeline(cli: Any, place: Path, write: Any) -> None:
    cli("migrate", "--limit", 2)
    folder = write("notes", **{"001_notes": ("CREATE TABLE notes (x)",)})
    cli("migrate", "--migrations", folder, "--table", "notes_migrations")
    cli("migrate", "--limit", 1)
    found = [(one["table"], one["id"]) for one in cli.json("migrations")["migrations"]]
    assert found == [("migrations", "001"), ("migrations", "002"), ("notes_migrations", "001"), ("migrations", "003")]
    graph = cli("migrations", "--graph").stdout.splitlines()
    assert [line[:3] for line in graph if "*" in line[:3]] == ["* |", "* |", "| *", "* |"]
    assert "001 notes" in "\n".join(graph)
