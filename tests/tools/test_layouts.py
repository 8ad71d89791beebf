"""Folders of other tools, read and written. The fixtures are of our own writing, after the documentation of each tool."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentdb
from agentdb import Migration, Migrator, PythonStep, RebuildTable, create_client_sync, load_migrations
from agentdb.engine.layouts import LAYOUTS, carried, read_layout
from agentdb.errors import AgentDBError, MigrationError
from agentdb.operations import execute
from agentdb.sql.lexer import split
from agentdb.tools.export import export_migrations

#: layout -> (files, the migrations: id, description, number of statements, has a down, foreign_keys, use_transaction)
FOLDERS: dict[str, tuple[dict[str, str], list[tuple[Any, ...]]]] = {
    "diesel": (
        {
            "2020-01-02-030405_create_users/up.sql": "CREATE TABLE users (id INTEGER);\r\nCREATE INDEX i ON users (id);\r\n",
            "2020-01-02-030405_create_users/down.sql": "DROP TABLE users;",
            "00000000000000_initial/up.sql": "-- nothing here\n",
            "2021-01-01-000000_rebuild/up.sql": "PRAGMA foreign_keys=OFF;\nBEGIN;\nCREATE TABLE a (x);\nCOMMIT;\nPRAGMA foreign_keys=ON;",
            "2021-01-01-000000_rebuild/metadata.toml": "run_in_transaction = false\n",
            ".diesel_lock": "",
            "README.md": "words",
        },
        [
            ("00000000000000", "initial", 0, False, True, True),
            ("20200102030405", "create users", 2, True, True, True),
            ("20210101000000", "rebuild", 1, False, False, True),
        ],
    ),
    "sqlx": (
        {
            "20200101000000_users.sql": "CREATE TABLE users (id INTEGER)",
            "20200102000000_pair.up.sql": "-- no-transaction\nVACUUM;",
            "20200102000000_pair.down.sql": "SELECT 1;",
        },
        [
            ("20200101000000", "users", 1, False, True, True),
            ("20200102000000", "pair", 1, True, True, False),
        ],
    ),
    "goose": (
        {
            "00001_users.sql": "-- +goose Up\nCREATE TABLE users (id INTEGER);\n-- +goose Down\nDROP TABLE users;\n",
            "00002_trigger.sql": "-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\nCREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; SELECT 2; END;\n-- +goose StatementEnd\n",
        },
        [("00001", "users", 1, True, True, True), ("00002", "trigger", 1, False, True, False)],
    ),
    "sql-migrate": (
        {
            "1-users.sql": "-- +migrate Up\nCREATE TABLE users (id INTEGER);\n\n-- +migrate Down notransaction\nDROP TABLE users;\n"
        },
        [("1", "users", 1, True, True, False)],
    ),
    "dbmate": (
        {
            "20200101_users.sql": "-- words\n-- migrate:up\nCREATE TABLE users (id INTEGER);\n\n-- migrate:down\nDROP TABLE users;\n",
            "20200102_two.sql": "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down\n",
            "schema.sql": "CREATE TABLE x (y);",
        },
        [("20200101", "users", 1, True, True, True), ("20200102", "two", 1, False, True, False)],
    ),
    "golang-migrate": (
        {
            "000001_users.up.sql": "BEGIN;\nCREATE TABLE users (id INTEGER);\nCOMMIT;",
            "000001_users.down.sql": "DROP TABLE users;",
            "000002_more.up.sql": "CREATE TABLE more (x);",
        },
        [("000001", "users", 1, True, True, True), ("000002", "more", 1, False, True, True)],
    ),
    "drizzle": (
        {
            "meta/_journal.json": '{"entries": [{"idx": 0, "when": 1, "tag": "0000_brave_hulk"}, {"idx": 1, "when": 2, "tag": "0001_odd-name"}]}',
            "0000_brave_hulk.sql": "CREATE TABLE `users` (`id` integer);\n--> statement-breakpoint\nCREATE INDEX `i` ON `users` (`id`);--> statement-breakpoint\nCREATE TABLE b (x)",
            "0001_odd-name.sql": "PRAGMA foreign_keys=OFF;--> statement-breakpoint\nCREATE TABLE `__new` (x);--> statement-breakpoint\nPRAGMA foreign_keys=ON;",
        },
        [("0000", "brave hulk", 3, False, True, True), ("0001", "odd name", 1, False, False, True)],
    ),
    "prisma": (
        {
            "migration_lock.toml": 'provider = "sqlite"',
            "20200101000000_init/migration.sql": '-- CreateTable\nCREATE TABLE "User" ("id" INTEGER);\n',
        },
        [("20200101000000", "init", 1, False, True, True)],
    ),
    "plain": (
        {
            "0.9/00__tags.sql": "CREATE TABLE tags (x);",
            "0.10/00__more.sql": "CREATE TABLE more (x); CREATE TABLE most (x);",
            "0.10/01__last.sql": "",
        },
        [
            ("001", "tags", 1, False, True, True),
            ("002", "more", 2, False, True, True),
            ("003", "last", 0, False, True, True),
        ],
    ),
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


@pytest.mark.parametrize("layout", FOLDERS)
def test_each_layout_is_read(layout: str, tmp_path: Path) -> None:
    files, expected = FOLDERS[layout]
    found = load_migrations(write(tmp_path, files), layout=layout)
    assert [
        (one.id, one.description, len(one.up), bool(one.down), one.foreign_keys, one.use_transaction) for one in found
    ] == [tuple(one) for one in expected]


def test_there_is_a_folder_for_every_layout() -> None:
    assert set(FOLDERS) == set(LAYOUTS)


def test_plain_files_with_numbers_keep_them(tmp_path: Path) -> None:
    files = {
        "V2__two.sql": "CREATE TABLE b (x)",
        "1.sql": "CREATE TABLE a (x)",
        "10_ten.sql": "SELECT 1",
        "1.down.sql": "DROP TABLE a",
    }
    found = load_migrations(write(tmp_path, files), layout="plain")
    assert [(one.id, one.description, bool(one.down)) for one in found] == [
        ("1", "1", True),
        ("2", "two", False),
        ("10", "ten", False),
    ]


def test_a_date_among_times_keeps_the_place_that_the_tool_gives_it(tmp_path: Path) -> None:
    files = {
        "2024-03-06-170000_one/up.sql": "CREATE TABLE a (x)",
        "2024-03-13_two/up.sql": "DROP TABLE a",
        "2024-04-01-000000_three/up.sql": "CREATE TABLE a (x)",
    }
    found = load_migrations(write(tmp_path, files), layout="diesel")
    assert [(one.id, one.description) for one in found] == [
        ("20240306170000", "one"),
        ("20240313000000", "two"),
        ("20240401000000", "three"),
    ]


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("DROP TABLE a; CREATE TABLE a (y);", ("a",)),
        ("CREATE TABLE n (y); INSERT INTO n (y) SELECT x FROM a; DROP TABLE a; ALTER TABLE n RENAME TO a;", ()),
        (
            "CREATE TABLE n (y); INSERT INTO n (y) SELECT x FROM a WHERE x; DROP TABLE a; ALTER TABLE n RENAME TO a;",
            ("a",),
        ),
        ("CREATE TABLE n (y); DROP TABLE a; ALTER TABLE n RENAME TO a;", ("a",)),
        ("DROP TABLE a;", ("a",)),
        ("ALTER TABLE a RENAME TO o; CREATE TABLE a (y); INSERT INTO a (y) SELECT x FROM o; DROP TABLE o;", ()),
        ("CREATE TABLE b (y); ALTER TABLE a RENAME TO o; ALTER TABLE b RENAME TO a; DROP TABLE o;", ("a",)),
        ("CREATE TABLE b (y); INSERT INTO b (y) SELECT x FROM a; DROP TABLE a; CREATE TABLE a (z);", ("a",)),
        ("DELETE FROM a;", ("a",)),
        ("CREATE TABLE n (y); DELETE FROM n;", ()),
    ],
)
def test_the_losses_that_are_proposed_are_those_that_the_engine_asks_for(
    text: str, losses: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path, {"1_a.sql": "CREATE TABLE a (x); INSERT INTO a VALUES (0), (1);", "2_b.sql": text})
    found = load_migrations(tmp_path, layout="plain")
    assert found[1].allows_loss == losses
    with create_client_sync(":memory:") as client:
        assert len(Migrator(client, found).migrate()) == 2
    bare = Migration("2", "b", found[1].up)
    with create_client_sync(":memory:") as client:
        Migrator(client, found[:1]).migrate()
        if losses and text != "DROP TABLE a;":  # which says itself what is lost; the proof wants it named all the same
            with pytest.raises(AgentDBError) as raised:
                Migrator(client, [found[0], bare]).migrate()
            assert raised.value.code == "data_loss"
        else:
            Migrator(client, [found[0], bare]).migrate()


def test_deferred_foreign_keys_beside_the_brackets_are_left_out(tmp_path: Path) -> None:
    text = "-- words\nPRAGMA defer_foreign_keys=ON;\nPRAGMA foreign_keys=OFF;\nCREATE TABLE a (x);\nPRAGMA foreign_keys=ON;\nPRAGMA defer_foreign_keys=OFF;"
    (one,) = load_migrations(write(tmp_path, {"1_x/migration.sql": text}), layout="prisma")
    assert (one.up, one.foreign_keys) == (("CREATE TABLE a (x)",), False)


def test_what_is_not_carried_over_is_said(tmp_path: Path) -> None:
    text = "PRAGMA journal_mode = WAL;\nBEGIN;\nDELETE FROM a;\nCOMMIT;\nCREATE TABLE b (x);\nSAVEPOINT s;"
    (source,) = read_layout(str(write(tmp_path, {"1_x.sql": text})), "plain")
    one = carried(source)
    assert one.migration.up == ("DELETE FROM a", "CREATE TABLE b (x)")
    assert one.migration.allows_loss == ("a",)
    assert len(one.lost) == 3
    assert any("allows_loss=a" in note for note in one.notes)


@pytest.mark.parametrize(
    ("layout", "files", "code"),
    [
        ("nothing", {"1_a.sql": ""}, "invalid_argument"),
        ("plain", {"words.txt": ""}, "invalid_argument"),
        ("goose", {"1_a.sql": "CREATE TABLE a (x);"}, "bad_migration_file"),
        ("goose", {"1_a.sql": "-- +goose Up\n-- +goose ENVSUB ON\n"}, "bad_migration_file"),
        ("dbmate", {"1_a.sql": "-- migrate:down\n"}, "bad_migration_file"),
        ("drizzle", {"meta/_journal.json": "{"}, "bad_migration_file"),
        ("drizzle", {"meta/_journal.json": '{"entries": [{"tag": "../../1_x"}]}'}, "bad_migration_file"),
        ("drizzle", {"meta/_journal.json": '{"entries": [{"tag": "0001_gone"}]}'}, "bad_migration_file"),
        ("sqlx", {"1_a.sql": "", "01_b.sql": ""}, "duplicate_id"),
        ("diesel", {"1_a/down.sql": ""}, "bad_migration_file"),
        ("plain", {"1_a.sql": "\udcff"}, "bad_migration_file"),
    ],
)
def test_what_cannot_be_read_is_told(layout: str, files: dict[str, str], code: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(AgentDBError) as raised:
        load_migrations(tmp_path, layout=layout)
    assert raised.value.code == code


def test_a_folder_that_is_not_there_and_a_pipe_are_told(tmp_path: Path) -> None:
    with pytest.raises(AgentDBError) as raised:
        load_migrations(tmp_path / "none", layout="plain")
    assert raised.value.code == "folder_missing"
    os.mkfifo(tmp_path / "1_a.sql")
    with pytest.raises(AgentDBError) as raised:
        load_migrations(tmp_path, layout="sqlx")
    assert raised.value.code == "bad_migration_file"


name = st.text(st.sampled_from("abz_é`\"]'; -/*\n"), min_size=1, max_size=6).map(
    lambda text: '"' + text.replace('"', '""') + '"'
)
text = st.text(st.sampled_from("ab';-\n:+{}%é"), max_size=8).map(lambda value: "'" + value.replace("'", "''") + "'")
statement = st.one_of(
    name.map("CREATE TABLE {} (x)".format),
    st.tuples(name, text).map(lambda pair: f"INSERT INTO {pair[0]} (x) VALUES ({pair[1]})"),
    st.tuples(name, text).map(
        lambda pair: f"CREATE TRIGGER t AFTER INSERT ON {pair[0]} BEGIN\n  SELECT {pair[1]};\n  SELECT 1;\nEND"
    ),
    st.tuples(text, name).map(
        lambda pair: f"-- a comment\n/* and -- another */\nSELECT {pair[0]} /* inside; */ FROM {pair[1]}"
    ),
)
migration = st.builds(
    lambda up, down, foreign_keys: (up, down, foreign_keys),
    st.lists(statement, max_size=4),
    st.lists(statement, max_size=2),
    st.booleans(),
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(LAYOUTS)), st.lists(migration, min_size=1, max_size=3))
def test_export_then_load_gives_the_same_checksums(layout: str, parts: list[Any]) -> None:
    listed = [
        Migration(f"{number:03}", f"step {number}", up, down, foreign_keys=foreign_keys)
        for number, (up, down, foreign_keys) in enumerate(parts, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "out"
        done = export_migrations(listed, place, layout)
        loaded = load_migrations(place, layout=layout)
    assert done.changed == ()
    assert [one.checksum for one in loaded] == [one.checksum for one in listed]
    for one, other in zip(loaded, listed, strict=True):
        assert one.foreign_keys is other.foreign_keys or not other.up
        assert one.down == other.down or layout in ("drizzle", "prisma")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_built_in_set_is_exported_and_gives_the_same_schema(layout: str, tmp_path: Path) -> None:
    done = export_migrations(agentdb.migrations, tmp_path / "out", layout)
    assert done.changed == ()
    schemas = []
    for listed in (agentdb.migrations.MIGRATIONS, load_migrations(tmp_path / "out", layout=layout)):
        with create_client_sync(":memory:") as client:
            Migrator(client, listed).migrate()
            schemas.append(
                client.execute(
                    "SELECT type, name, sql FROM sqlite_master WHERE name <> 'migrations' ORDER BY name"
                ).tuples
            )
    assert schemas[0] == schemas[1]


def test_a_rebuild_is_written_as_its_statements(tmp_path: Path) -> None:
    listed = [
        Migration("001", "a", "CREATE TABLE a (x, y)"),
        Migration("002", "b", [RebuildTable("a", "CREATE TABLE a (x INTEGER NOT NULL)", columns={"x": "x"})]),
    ]
    done = export_migrations(listed, tmp_path / "out", "plain")
    assert done.changed == ("002",)
    with closing(sqlite3.connect(":memory:")) as connection:
        for file in sorted((tmp_path / "out").glob("*.sql")):
            connection.executescript(file.read_text())
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'a'").fetchone()
    assert split(sql.replace('"', "")) == ["CREATE TABLE a (x INTEGER NOT NULL)"]


def test_what_no_file_can_hold_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    def body() -> Any:
        yield from execute("SELECT 1")

    with pytest.raises(MigrationError, match="Python step"):
        export_migrations([Migration("001", "s", [PythonStep("s", body)])], tmp_path / "out", "plain")
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(AgentDBError) as raised:
        export_migrations([Migration("001", "a", "SELECT 1")], tmp_path / "full", "plain")
    assert raised.value.code == "already_exists"
    assert os.listdir(tmp_path / "full") == ["mine.txt"]
    with pytest.raises(AgentDBError) as raised:
        export_migrations([], tmp_path / "x", "nothing")
    assert raised.value.code == "invalid_argument"
