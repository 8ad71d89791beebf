from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


def test_a_folder_and_then_its_database_are_adopted(cli: Any, place: Path) -> None:
    (place / "theirs").mkdir()
    (place / "theirs" / "1_a.sql").write_text(
        "-- migrate:up\nBEGIN;\nCREATE TABLE a (x);\nCOMMIT;\nPRAGMA journal_mode = WAL;\n-- migrate:down\nDROP TABLE a;\n"
    )
    (place / "theirs" / "2_b.sql").write_text("-- migrate:up\nCREATE TABLE b (x);\n-- migrate:down\nDROP TABLE b;\n")
    looked = cli.json("adopt", "theirs", "--layout", "dbmate", "--dry-run")
    assert [one["id"] for one in looked["migrations"]] == ["1", "2"]
    text = cli("adopt", "theirs", "--layout", "dbmate", "--to", "ours").stdout
    assert "not carried over: 1 (a), from 1_a.sql: up: PRAGMA journal_mode = WAL is left out" in text
    with closing(sqlite3.connect("live.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE a (x)")
        connection.execute("CREATE TABLE schema_migrations (version)")
        connection.execute("INSERT INTO schema_migrations VALUES ('1')")
    assert "would be recorded" in cli("adopt", "ours", "--database", "live.db", "--dry-run").stdout
    done = cli.json("adopt", "ours", "--database", "live.db")
    assert (done["tool"], done["recorded"], done["pending"]) == ("dbmate", ["1"], ["2"])
    assert cli.json("migrate", "live.db", "--migrations", "ours")["results"][0]["id"] == "2"
    assert cli.json("check", "live.db", "--ignore", "schema_migrations")["is_clean"] is True
    assert cli("validate", "--migrations", "ours").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [(), ("--layout", "plain"), ("--layout", "plain", "--to", "x", "--at", "1"), ("--to", "x", "--database", "y")],
)
def test_a_command_line_that_cannot_be_right(cli: Any, place: Path, words: tuple[str, ...]) -> None:
    (place / "m").mkdir()
    assert cli.error("adopt", "m", *words, code=2)["code"] == "usage"


def test_the_built_in_set_is_exported(cli: Any, place: Path) -> None:
    done = cli.json("export", "out", "--layout", "goose")
    assert done["changed"] == []
    assert len(done["files"]) == len(list((place / "out").iterdir()))
    assert cli.error("export", "out", "--layout", "goose")["code"] == "already_exists"
