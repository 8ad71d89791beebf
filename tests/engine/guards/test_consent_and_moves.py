"""What a migration may lose because it says so in its SQL, and references that move without being lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agentdb import Migration, Migrator, create_client_sync, load_migrations
from agentdb.errors import DataLossError

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY);
CREATE TABLE places (id INTEGER PRIMARY KEY);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE CASCADE,
  place_id INTEGER REFERENCES places ON DELETE SET NULL, plain INTEGER, other_id INTEGER REFERENCES users);
CREATE TABLE tags (note_id INTEGER NOT NULL REFERENCES notes ON DELETE CASCADE, tag TEXT);
CREATE TABLE links (note_id INTEGER REFERENCES notes ON DELETE SET NULL);
CREATE TABLE drafts (text TEXT);
INSERT INTO users VALUES (1), (2);
INSERT INTO places VALUES (1), (2);
INSERT INTO notes VALUES (1, 1, 1, 1, NULL), (2, 2, 2, 2, NULL), (3, NULL, 1, 1, 2);
INSERT INTO drafts VALUES ('one'), ('two');
"""
CHILD = "INSERT INTO tags VALUES (1, 'a'), (2, 'b')"
LINK = "INSERT INTO links VALUES (1), (NULL)"


def migrate(path: Path, *up: str, before: tuple[str, ...] = (), **flags: bool) -> list[str]:
    """The ids of what was applied."""
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for sql in before:
        connection.execute(sql)
    connection.commit()
    connection.close()
    with create_client_sync(path) as client:
        return [result.migration.id for result in Migrator(client, [Migration("001", "change", up, **flags)]).migrate()]


@pytest.mark.parametrize("use_transaction", [True, False])
@pytest.mark.parametrize(
    "up",
    [
        ("DROP TABLE drafts",),
        ("DROP TABLE IF EXISTS Drafts",),
        ("ALTER TABLE drafts RENAME TO old_drafts", "DROP TABLE old_drafts"),
        ("DROP TABLE notes",),
        ("DROP TABLE tags", "DROP TABLE links", "DROP TABLE notes"),
        ("CREATE TABLE memos AS SELECT * FROM drafts LIMIT 1", "DROP TABLE drafts"),
    ],
)
def test_a_table_that_is_dropped_by_name_may_lose_its_rows(
    tmp_path: Path, up: tuple[str, ...], use_transaction: bool
) -> None:
    assert migrate(tmp_path / "a.db", *up, use_transaction=use_transaction) == ["001"]


@pytest.mark.parametrize(
    ("up", "before", "lost"),
    [
        (("DROP TABLE notes",), (CHILD,), {"tags"}),
        (("DROP TABLE notes",), (LINK,), {"links.note_id"}),
        (("DROP TABLE places",), (), {"notes.place_id"}),
        (("DROP TABLE drafts", "DELETE FROM notes"), (), {"notes"}),
        (("DELETE FROM drafts",), (), {"drafts"}),
        (
            ("CREATE TABLE new (text TEXT)", "DROP TABLE drafts", "ALTER TABLE new RENAME TO drafts"),
            (),
            {"drafts"},
        ),
        (
            (
                "CREATE TABLE new (text TEXT)",
                "INSERT INTO new SELECT * FROM drafts LIMIT 1",
                "DROP TABLE drafts",
                "ALTER TABLE new RENAME TO Drafts",
            ),
            (),
            {"drafts"},
        ),
        (("DROP TABLE drafts", "CREATE TABLE drafts (text TEXT)"), (), {"drafts"}),
        (
            ("ALTER TABLE drafts RENAME TO old", "CREATE TABLE drafts (text TEXT)", "DROP TABLE old"),
            (),
            {"drafts"},
        ),
    ],
)
def test_what_is_lost_beside_it_and_a_name_that_lives_on_are_losses(
    tmp_path: Path, up: tuple[str, ...], before: tuple[str, ...], lost: set[str]
) -> None:
    with pytest.raises(DataLossError) as caught:
        migrate(tmp_path / "a.db", *up, before=before)
    assert set(caught.value.tables) == lost


@pytest.mark.parametrize("create", ["CREATE TABLE IF NOT EXISTS main.Drafts (text)", "CREATE VIEW drafts AS SELECT 1"])
def test_outside_a_transaction_a_name_that_comes_back_is_no_consent(tmp_path: Path, create: str) -> None:
    with pytest.raises(DataLossError) as caught:
        migrate(tmp_path / "a.db", "DROP TABLE drafts", create, use_transaction=False)
    assert set(caught.value.tables) == {"drafts"}


NEW_NOTES = (
    "CREATE TABLE new (id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES users ON DELETE CASCADE, "
    "place_id INTEGER REFERENCES places ON DELETE SET NULL, plain INTEGER, other_id INTEGER REFERENCES users)"
)


@pytest.mark.parametrize(
    "up",
    [
        ("ALTER TABLE notes RENAME COLUMN user_id TO owner_id",),
        (
            "ALTER TABLE notes ADD COLUMN owner_id INTEGER REFERENCES users",
            "UPDATE notes SET owner_id = user_id",
            "UPDATE notes SET user_id = NULL",
        ),
        (NEW_NOTES, "INSERT INTO new SELECT * FROM notes", "DROP TABLE notes", "ALTER TABLE new RENAME TO notes"),
        (
            "CREATE TABLE owners (note_id INTEGER REFERENCES notes, user_id INTEGER NOT NULL REFERENCES users)",
            "INSERT INTO owners SELECT id, user_id FROM notes WHERE user_id IS NOT NULL",
            "UPDATE notes SET user_id = NULL",
        ),
        (
            "ALTER TABLE users RENAME TO people",
            "ALTER TABLE notes ADD COLUMN owner_id INTEGER REFERENCES people",
            "UPDATE notes SET owner_id = user_id, user_id = NULL",
        ),
    ],
)
def test_a_reference_that_is_renamed_or_moved_with_all_its_values_is_no_loss(
    tmp_path: Path, up: tuple[str, ...]
) -> None:
    assert migrate(tmp_path / "a.db", *up) == ["001"]


@pytest.mark.parametrize(
    "up",
    [
        # some of the values only
        (
            "ALTER TABLE notes ADD COLUMN owner_id INTEGER REFERENCES users",
            "UPDATE notes SET owner_id = user_id WHERE id = 1",
            "UPDATE notes SET user_id = NULL",
        ),
        # to a column that refers to nothing, or elsewhere
        ("UPDATE notes SET plain = user_id, user_id = NULL",),
        (
            "ALTER TABLE notes ADD COLUMN owner_id INTEGER REFERENCES places",
            "UPDATE notes SET owner_id = user_id, user_id = NULL",
        ),
        # two columns into one
        (
            "ALTER TABLE notes ADD COLUMN owner_id INTEGER REFERENCES users",
            "UPDATE notes SET owner_id = coalesce(user_id, other_id), user_id = NULL, other_id = NULL",
            "UPDATE notes SET owner_id = user_id",
        ),
        # a column that was there, and whose values were no references
        (
            NEW_NOTES.replace("owner_id INTEGER", "user INTEGER").replace(
                "plain INTEGER", "plain INTEGER REFERENCES users"
            ),
            "INSERT INTO new SELECT id, NULL, place_id, plain, other_id FROM notes",
            "DROP TABLE notes",
            "ALTER TABLE new RENAME TO notes",
        ),
    ],
)
def test_a_reference_that_is_moved_in_part_or_elsewhere_is_a_loss(tmp_path: Path, up: tuple[str, ...]) -> None:
    with pytest.raises(DataLossError) as caught:
        migrate(tmp_path / "a.db", *up)
    assert "notes.user_id" in caught.value.tables


def test_the_remedy_for_a_file_names_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "001_a.up.sql").write_text("DELETE FROM drafts")
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.close()
    with create_client_sync(path) as client, pytest.raises(DataLossError) as caught:
        Migrator(client, load_migrations(folder)).migrate()
    assert "-- agentdb: allows_loss=drafts" in caught.value.remedy
    assert "Migration(" not in caught.value.remedy
