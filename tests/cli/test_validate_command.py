from __future__ import annotations

from pathlib import Path
from typing import Any

from agentdb.migrations import MIGRATIONS


def test_the_built_in_migrations_are_valid(cli: Any, place: Path) -> None:
    assert cli("validate", "--strict").stdout == f"{len(MIGRATIONS)} migrations: valid; 0 errors, 0 warnings.\n"
    assert cli.json("validate") == {
        "is_valid": True,
        "migrations": [migration.id for migration in MIGRATIONS],
        "database": None,
        "errors": [],
        "warnings": [],
        "lint": [],
    }
    assert list(place.iterdir()) == []


def test_an_up_that_fails_is_an_error_that_names_it(cli: Any, write: Any) -> None:
    folder = write("broken", m001_bad=("CREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);", "DROP TABLE half;"))
    result = cli("validate", "--migrations", folder, code=1)
    assert "no such table: nowhere" in result.stdout
    assert "[up_failed]\n  Correct the up.\n1 migration: not valid; 1 error, 0 warnings.\n" in result.stdout
    document = cli.json("validate", "--migrations", folder, code=1)
    assert document["is_valid"] is False
    assert [(finding["code"], finding["migration"]) for finding in document["errors"]] == [("up_failed", "001")]
    assert set(document["errors"][0]) == {"code", "message", "remedy", "migration"}


def test_warnings_count_only_where_they_are_told_to(cli: Any, write: Any) -> None:
    folder = write("one_way", m001_notes=("CREATE TABLE notes (a);",))
    document = cli.json("validate", "--migrations", folder)
    assert (document["is_valid"], document["warnings"][0]["code"]) == (True, "no_down")
    document = cli.json("validate", "--migrations", folder, "--strict", code=1)
    assert (document["is_valid"], document["errors"]) == (False, [])
    assert "warning: migration 001 (notes) has no down [no_down]" in cli("validate", "--migrations", folder).stdout


def test_base_is_what_the_migrations_stand_on(cli: Any, write: Any, place: Path) -> None:
    folder = write("host", m001_pins=("CREATE INDEX pins ON agents (name);", "DROP INDEX pins;"))
    assert "no such table" in cli("validate", "--migrations", folder, code=1).stdout
    cli("validate", "--migrations", folder, "--base", "agentdb.migrations", "--strict")
    base = write("base", m001_agents=("CREATE TABLE agents (name);",))
    cli("validate", "--migrations", folder, "--base", base)
    assert cli.error("validate", "--migrations", folder, "--base", "./nowhere", code=2)["code"] == "folder_missing"


def test_a_database_is_compared_as_well(cli: Any, write: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    assert "3 migrations against n.db: valid" in cli("validate", "--migrations", notes, "--database", "n.db").stdout
    write("notes", m002_tags=("CREATE TABLE tags (note INTEGER, tag TEXT);", "DROP TABLE tags;"))
    document = cli.json("validate", "--migrations", notes, "--database", "n.db", code=1)
    assert [(finding["code"], finding["migration"]) for finding in document["errors"]] == [("checksum_mismatch", "002")]
    assert document["database"] == "n.db"


def test_a_database_with_its_own_table_is_compared_by_that_table(cli: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--table", "h")
    cli("migrate", "n.db")
    assert cli.json("validate", "--migrations", notes, "--database", "n.db", "--table", "h")["is_valid"] is True
    assert cli.error("validate", "--migrations", notes, "--database", "n.db")["code"] == "wrong_migration_set"


def test_the_same_warning_is_told_once(cli: Any, write: Any) -> None:
    folder = write(
        "gap", m001_a=("CREATE TABLE a (x);", "DROP TABLE a;"), m003_c=("CREATE TABLE c (x);", "DROP TABLE c;")
    )
    cli("migrate", "g.db", "--migrations", folder)
    document = cli.json("validate", "--migrations", folder, "--database", "g.db")
    assert [finding["code"] for finding in document["warnings"]] == ["gap"]


def test_duplicate_numbers_of_a_module_are_an_error(cli: Any, place: Path) -> None:
    (place / "twice_7.py").write_text(
        "from agentdb import Migration\n"
        "MIGRATIONS = [Migration('1', 'a', 'CREATE TABLE a (x)'), Migration('001', 'b', 'CREATE TABLE b (x)')]\n"
    )
    for options in ((), ("--database", ":memory:")):
        document = cli.json("validate", "--migrations", "twice_7", *options, code=1)
        assert [finding["code"] for finding in document["errors"]] == ["duplicate_id"]


def test_what_cannot_be_compared_is_an_error(cli: Any, place: Path) -> None:
    assert cli.error("validate", "--database", "nothing.db")["code"] == "file_missing"
    (place / "letter.db").write_bytes(b"Dear Sir or Madam, " * 100)
    assert cli.error("validate", "--database", "letter.db")["code"] == "not_a_database"


def test_what_breaks_on_rows_is_found(cli: Any, write: Any) -> None:
    folder = write(
        "notes",
        m001_notes=("CREATE TABLE notes (text TEXT);", "DROP TABLE notes;"),
        m002_at=(
            "ALTER TABLE notes ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP;",
            "ALTER TABLE notes DROP COLUMN at;",
        ),
    )
    document = cli.json("validate", "--migrations", folder, code=1)
    assert [finding["code"] for finding in document["errors"]] == ["populated_up_failed"]


def test_fixtures_come_from_a_file(cli: Any, place: Path, write: Any) -> None:
    table = "CREATE TABLE odd (x TEXT NOT NULL CHECK (substr(x, 3, 4) = 'q' || length(x) || 'zz'));"
    folder = write("odd", m001_odd=(table, "DROP TABLE odd;"), m002_more=("CREATE TABLE b (x);", "DROP TABLE b;"))
    assert [finding["code"] for finding in cli.json("validate", "--migrations", folder)["warnings"]] == ["not_filled"]
    (place / "rows.json").write_text('{"odd": [{"x": "aaq6zz"}]}')
    assert cli.json("validate", "--migrations", folder, "--fixtures", "rows.json")["warnings"] == []
    (place / "rows.json").write_text("[1")
    assert cli.error("validate", "--fixtures", "rows.json", code=2)["code"] == "usage"
    (place / "rows.json").write_text("[1]")
    assert cli.error("validate", "--fixtures", "rows.json", code=2)["code"] == "invalid_argument"


def test_every_version_is_proved_where_it_is_told_to(cli: Any, write: Any) -> None:
    """The third fails where no row is from before the second."""
    folder = write(
        "notes",
        m001_t=("CREATE TABLE t (x);", "DROP TABLE t;"),
        m002_y=("ALTER TABLE t ADD COLUMN y INTEGER NOT NULL DEFAULT 0;", "ALTER TABLE t DROP COLUMN y;"),
        m003_v=("CREATE TABLE v (x);", "DROP TABLE v;"),
        m004_u=(
            "CREATE TABLE u (y NOT NULL);\n"
            "INSERT INTO u SELECT (SELECT y FROM t WHERE y = 0 LIMIT 1) WHERE (SELECT count(*) FROM t) > 0;",
            "DROP TABLE u;",
        ),
    )
    assert cli.json("validate", "--migrations", folder)["errors"] == []
    document = cli.json("validate", "--migrations", folder, "--every-version", code=1)
    assert [(finding["code"], finding["migration"]) for finding in document["errors"]] == [
        ("populated_up_failed", "004")
    ]
