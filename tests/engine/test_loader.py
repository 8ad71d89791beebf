"""Migrations from folders and packages."""

from __future__ import annotations

import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest

from agentdb import Migrator, create_client_sync, load_migrations, migrations
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

TRIGGERED = """-- Notes, and when they were touched.
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT DEFAULT 'a;b', touched TEXT) STRICT;

CREATE TRIGGER notes_touch AFTER UPDATE ON notes BEGIN
  UPDATE notes SET touched = CASE WHEN new.text = 'x' THEN 'never' ELSE 'now' END WHERE id = new.id; -- not; here
END;
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        **{
            "002_add_tags.up.sql": "CREATE TABLE tags (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;\n",
            "001_notes.up.sql": TRIGGERED,
            "001_notes.down.sql": "DROP TRIGGER notes_touch;\nDROP TABLE notes;\n",
            "010_compact_it.up.sql": "-- agentdb: use_transaction=false\nVACUUM;\n",
            "README.md": "not ours",
        },
    )


def test_pairs_are_loaded_in_numeric_order_with_their_statements(folder: Path) -> None:
    one, two, ten = load_migrations(folder)
    assert (one.id, one.description, len(one.up), len(one.down)) == ("001", "notes", 2, 2)
    assert one.up[1].endswith("END")
    assert (two.id, two.description, two.down) == ("002", "add tags", ())
    assert (ten.id, ten.use_transaction, two.use_transaction) == ("010", False, True)


def test_the_first_lines_of_an_up_file_are_the_flags_of_its_migration(tmp_path: Path) -> None:
    text = (
        "-- agentdb: allows_loss=old notes, tags.note\r\n  -- agentdb: foreign_keys = false\n"
        "-- a comment\n\n-- agentdb: backward_compatible=true\nDELETE FROM tags;\n"
    )
    (migration,) = load_migrations(write(tmp_path, **{"001_a.up.sql": text}))
    assert migration.allows_loss == ("old notes", "tags.note")
    assert (migration.foreign_keys, migration.backward_compatible, migration.use_transaction) == (False, True, True)


def test_what_is_loaded_runs(folder: Path, tmp_path: Path) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        assert len(Migrator(client, load_migrations(str(folder))).migrate()) == 3
        client.execute("INSERT INTO notes (text) VALUES ('y')")
        client.execute("UPDATE notes SET text = 'x'")
        assert client.execute("SELECT touched FROM notes").rows[0][0] == "never"


def test_a_windows_checkout_has_the_same_checksums(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "windows"
    other.mkdir()
    for file in folder.glob("*.sql"):
        (other / file.name).write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert [m.checksum for m in load_migrations(other)] == [m.checksum for m in load_migrations(folder)]


def test_modules_stand_beside_files(folder: Path) -> None:
    write(
        folder,
        **{
            "m003_more.py": "from agentdb import Migration\nMIGRATION = Migration('003', 'more', 'CREATE TABLE more (x) ')\n"
        },
    )
    assert [m.id for m in load_migrations(folder)] == ["001", "002", "003", "010"]


def test_a_package_is_loaded_by_its_name_and_as_a_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "host_migrations"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "001_a.up.sql").write_text("CREATE TABLE a (x)")
    (package / "m002_b.py").write_text(
        "from agentdb import Migration\nMIGRATION = Migration('2', 'b', 'CREATE TABLE b (x)')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    by_name = load_migrations("host_migrations")
    assert [m.id for m in by_name] == ["001", "2"]
    assert load_migrations(sys.modules["host_migrations"]) == by_name


def test_a_module_with_a_registry_gives_it() -> None:
    assert load_migrations(migrations) == migrations.MIGRATIONS
    assert load_migrations("agentdb.migrations") == migrations.MIGRATIONS


@pytest.mark.parametrize(
    ("files", "code", "named"),
    [
        ({"notes.up.sql": "SELECT 1"}, "bad_migration_file", "notes.up.sql"),
        ({"001.up.sql": "SELECT 1"}, "bad_migration_file", "001.up.sql"),
        ({"001_a.sql": "SELECT 1"}, "bad_migration_file", "001_a.sql"),
        ({"001_a.down.sql": "SELECT 1"}, "bad_migration_file", "001_a.down.sql"),
        ({"001_a.up.sql": "-- agentdb: skeleton\n"}, "no_statement", "001_a.up.sql"),
        ({"001_a.up.sql": "BEGIN; SELECT 1; COMMIT;"}, "control_statement", "001_a.up.sql"),
        ({"001_a.up.sql": "-- agentdb: transaction=off\nVACUUM"}, "bad_migration_file", "001_a.up.sql"),
        ({"001_a.up.sql": "-- agentdb: use_transaction=maybe\nVACUUM"}, "bad_migration_file", "001_a.up.sql"),
        ({"001_a.up.sql": "-- agentdb: allows_loss=a,,b\nVACUUM"}, "bad_migration_file", "001_a.up.sql"),
        (
            {"001_a.up.sql": "-- agentdb: foreign_keys=false\n-- agentdb: foreign_keys=true\nVACUUM"},
            "bad_migration_file",
            "001_a.up.sql",
        ),
        ({"1_a.up.sql": "SELECT 1", "001_b.up.sql": "SELECT 1"}, "duplicate_id", "001_b.up.sql"),
        ({"m001_a.py": "MIGRATIONS = ()"}, "bad_migration_file", "m001_a.py"),
        (
            {"m001_a.py": "from agentdb import Migration\nMIGRATION = Migration('002', 'a', 'SELECT 1')"},
            "bad_migration_file",
            "m001_a.py",
        ),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, files: dict[str, str], code: str, named: str) -> None:
    with pytest.raises(InvalidMigrationError) as caught:
        load_migrations(write(tmp_path, **files))
    assert caught.value.code == code
    assert named in str(caught.value)


def test_what_is_not_utf8_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "001_a.up.sql").write_bytes(b"SELECT '\xe4'")
    with pytest.raises(InvalidMigrationError, match=r"001_a\.up\.sql is not UTF-8: .* at byte 8"):
        load_migrations(tmp_path)


def test_nothing_to_load_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no migrations in"):
        load_migrations(tmp_path)
    with pytest.raises(StorageError) as caught:
        load_migrations(tmp_path / "missing")
    assert caught.value.code == "folder_missing"
    with pytest.raises(InvalidArgumentError, match="no folder and no module 'nothing_of_this_name'"):
        load_migrations("nothing_of_this_name")
    with pytest.raises(InvalidArgumentError, match="has no MIGRATIONS"):
        load_migrations("sqlite3.dbapi2")
    with pytest.raises(InvalidArgumentError, match="not from int"):
        load_migrations(3)  # type: ignore[arg-type]


def test_an_import_error_inside_a_module_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_host.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        load_migrations("broken_host")


def test_sqlite_agrees_with_the_loaded_statements(folder: Path) -> None:
    database = sqlite3.connect(":memory:")
    for migration in load_migrations(folder):
        for sql in migration.up:
            database.execute(sql)
    names = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    assert {"notes", "tags", "notes_touch"} <= names
    database.close()
