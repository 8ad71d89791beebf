"""RebuildTable: what it changes, and all that it leaves as it was."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, outside
from guard_harness import rows, run_unguarded, snapshot

import agentdb
from agentdb import Migration, RebuildTable, create_client_sync
from agentdb.engine.history_row import as_json
from agentdb.errors import DataLossError, InvalidMigrationError, MigrationError

SCHEMA = Migration(
    "001",
    "notes",
    (
        "CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT) STRICT",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, author INTEGER REFERENCES authors ON DELETE SET NULL, "
        "reply_to INTEGER REFERENCES notes ON DELETE CASCADE, text TEXT, kind TEXT, "
        "size INTEGER GENERATED ALWAYS AS (length(text))) STRICT",
        "CREATE TABLE tags (note INTEGER NOT NULL REFERENCES notes ON DELETE CASCADE, tag TEXT, PRIMARY KEY (note, tag)) "
        "WITHOUT ROWID",
        "CREATE TABLE stars (id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes ON DELETE SET NULL)",
        "CREATE TABLE journal (what TEXT)",
        "CREATE INDEX notes_by_author ON notes (author, id DESC)",
        "CREATE INDEX long_notes ON notes (size) WHERE size > 3",
        "CREATE INDEX notes_by_lower ON notes (lower(text || 'a -- b'))",
        "CREATE TRIGGER told_1 AFTER UPDATE ON notes BEGIN INSERT INTO journal VALUES ('first ' || new.id); END",
        "CREATE TRIGGER told_2 AFTER UPDATE ON notes BEGIN INSERT INTO journal VALUES ('second ' || new.id); END",
        "CREATE TRIGGER starred AFTER INSERT ON stars BEGIN UPDATE notes SET kind = 'star' WHERE id = new.note; END",
        "CREATE VIEW by_author AS SELECT a.name, count(n.id) AS number FROM authors a LEFT JOIN notes n ON n.author = a.id GROUP BY 1",
        "CREATE VIEW busy AS SELECT * FROM by_author WHERE number > 1",
        "CREATE TRIGGER written INSTEAD OF INSERT ON busy BEGIN INSERT INTO authors (name) VALUES (new.name); END",
        "INSERT INTO authors VALUES (1, 'ada'), (2, 'bob')",
        "INSERT INTO notes (id, author, reply_to, text, kind) VALUES (1, 1, NULL, 'one', 'a'), (2, 1, 1, 'two', 'b'), "
        "(7, NULL, 2, 'seven', 'a'), (9, 2, NULL, NULL, 'b')",
        "DELETE FROM notes WHERE id = 9",
        "INSERT INTO tags VALUES (1, 'x'), (1, 'y'), (7, 'x')",
        "INSERT INTO stars VALUES (1, 7), (2, NULL)",
    ),
    allows_loss=("notes",),
)
COLUMNS = (
    "id INTEGER PRIMARY KEY AUTOINCREMENT, author INTEGER REFERENCES authors ON DELETE SET NULL, "
    "reply_to INTEGER REFERENCES notes ON DELETE CASCADE, text TEXT NOT NULL DEFAULT '', "
    "kind TEXT CHECK (kind IN ('a', 'b', 'star')), size INTEGER GENERATED ALWAYS AS (length(text))"
)
REBUILD = RebuildTable("notes", f"CREATE TABLE notes ({COLUMNS}) STRICT")


@pytest.fixture
def notes(db: Database, path: Path) -> Database:
    db.migrator([SCHEMA]).migrate()
    with outside(path) as connection:
        connection.execute("DELETE FROM journal")
    return db


def upgrade(database: Database, *up: Any, **flags: Any) -> Any:
    return database.migrator([SCHEMA, Migration("002", "rebuild", up, **flags)], backup=False).migrate()


def refused(database: Database, *up: Any, **flags: Any) -> MigrationError:
    error = caught(upgrade, database, *up, **flags)
    assert isinstance(error, MigrationError)
    return error


def test_only_the_table_is_another(notes: Database, path: Path) -> None:
    before = snapshot(path)
    upgrade(notes, REBUILD)
    after = snapshot(path)
    schema = {row for row in before.pop("sqlite_master") if row[1] != "notes"}
    renewed = {row for row in after.pop("sqlite_master") if row[1] != "notes"}
    assert after == before
    assert renewed == schema
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        ask(path, "INSERT INTO notes (kind) VALUES ('c')")
    assert notes.execute("PRAGMA foreign_keys") == [(1,)]
    assert ask(path, "PRAGMA foreign_key_check") == []
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(path, "SELECT strict FROM pragma_table_list WHERE name = 'notes'") == [(1,)]


def test_what_hangs_on_the_table_still_works(notes: Database, path: Path) -> None:
    upgrade(notes, REBUILD)
    notes.execute("INSERT INTO stars VALUES (3, 1)")
    assert ask(path, "SELECT kind FROM notes WHERE id = 1") == [("star",)]
    # In the order in which they fired before: SQLite promises none, but programs come to hang on it.
    told = [what for (what,) in ask(path, "SELECT what FROM journal ORDER BY rowid")]
    with create_client_sync(":memory:") as twin:
        for sql in SCHEMA.up:
            twin.execute(str(sql))
        twin.execute("DELETE FROM journal")
        twin.execute("INSERT INTO stars VALUES (3, 1)")
        assert told == [what for (what,) in twin.execute("SELECT what FROM journal ORDER BY rowid").tuples]
    assert notes.execute("SELECT * FROM busy") == [("ada", 2)]
    notes.execute("INSERT INTO busy (name) VALUES ('eve')")
    notes.execute("DELETE FROM notes WHERE id = 1")  # 2 and 7 are replies
    assert ask(path, "SELECT count(*) FROM tags") == [(0,)]
    assert ask(path, "SELECT note FROM stars ORDER BY id") == [(None,), (None,), (None,)]


def test_an_id_that_was_used_is_never_used_again(notes: Database, path: Path) -> None:
    upgrade(notes, REBUILD)
    notes.execute("INSERT INTO notes (kind) VALUES ('a')")
    assert ask(path, "SELECT max(id) FROM notes") == [(10,)]


def test_nor_where_the_table_is_empty(notes: Database, path: Path) -> None:
    empty = ("DELETE FROM tags", "UPDATE stars SET note = NULL", "DELETE FROM notes")  # nothing cascades now
    upgrade(notes, *empty, REBUILD, allows_loss=("notes", "tags", "stars"))
    notes.execute("INSERT INTO notes (kind) VALUES ('a')")
    assert ask(path, "SELECT max(id) FROM notes") == [(10,)]


BY_HAND = (
    f"CREATE TABLE new ({COLUMNS})",
    "INSERT INTO new (id, author, reply_to, text, kind) SELECT id, author, reply_to, text, kind FROM notes",
    "DROP TABLE notes",
    "ALTER TABLE new RENAME TO notes",
)


def test_by_hand_all_of_that_is_lost(notes: Database, path: Path) -> None:
    with create_client_sync(path) as client:
        with pytest.raises(agentdb.errors.StatementError, match="error in"):  # trigger or view
            run_unguarded(client, BY_HAND)
        for name in ("starred", "written"):
            client.execute(f"DROP TRIGGER {name}")
        for name in ("busy", "by_author"):
            client.execute(f"DROP VIEW {name}")
        run_unguarded(client, BY_HAND)
    assert rows(path, "SELECT name FROM sqlite_master WHERE tbl_name = 'notes' AND type <> 'table'") == []
    assert rows(path, "SELECT count(*) FROM tags") == [(0,)]
    assert rows(path, "SELECT count(note) FROM stars") == [(0,)]
    assert rows(path, "SELECT seq FROM sqlite_sequence WHERE name = 'notes'") == [(7,)]
    assert rows(path, "SELECT strict FROM pragma_table_list WHERE name = 'notes'") == [(0,)]


def test_columns_are_copied_by_name_given_by_expression_or_have_their_default(notes: Database, path: Path) -> None:
    create = (
        'CREATE TABLE "Notes" (size INTEGER, id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, '
        "author INTEGER, state TEXT NOT NULL DEFAULT 'new', twice INTEGER AS (size * 2))"
    )
    rebuild = RebuildTable("NOTES", create, {"body": "coalesce(text, '-') || kind -- both"})
    drops = ("DROP INDEX notes_by_lower", "DROP TRIGGER starred")
    upgrade(notes, *drops, rebuild, allows_loss=("notes.reply_to",))
    assert ask(path, "SELECT id, body, author, state, size, twice FROM notes ORDER BY id") == [
        (1, "onea", 1, "new", 3, 6),
        (2, "twob", 1, "new", 3, 6),
        (7, "sevenstar", None, "new", 5, 10),
    ]
    assert ask(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND lower(name) = 'notes'") == [("notes",)]


def test_a_column_of_references_that_is_left_out_is_a_loss(notes: Database, path: Path) -> None:
    create = f"CREATE TABLE notes ({COLUMNS.replace('reply_to INTEGER REFERENCES notes ON DELETE CASCADE, ', '')})"
    before = snapshot(path)
    error = refused(notes, RebuildTable("notes", create))
    assert isinstance(error, DataLossError)
    assert error.tables == {"notes.reply_to": (2, 0)}
    assert snapshot(path) == before


@pytest.mark.parametrize(
    ("create", "says"),
    [
        (f"CREATE TABLE notes ({COLUMNS}, CHECK (kind <> 'b'))", "CHECK"),
        (f"CREATE TABLE notes ({COLUMNS}, UNIQUE (author) ON CONFLICT REPLACE)", "UNIQUE"),
        (f"CREATE TABLE notes ({COLUMNS}, UNIQUE (author) ON CONFLICT IGNORE)", "UNIQUE"),
        (f"CREATE TABLE notes ({COLUMNS.replace('author INTEGER', 'author INTEGER NOT NULL')})", "NOT NULL"),
        (f"CREATE TABLE notes ({COLUMNS.replace('kind TEXT', 'kind INTEGER')})", "cannot store TEXT"),
        (f"CREATE TABLE notes ({COLUMNS.replace('kind TEXT', 'kind VARCHAR')})", "unknown datatype"),
        (f"CREATE TABLE notes ({COLUMNS.replace('author', 'writer')})", "notes_by_author cannot be made again"),
        (f"CREATE TABLE notes ({COLUMNS.replace('kind', 'sort')})", "a trigger of stars (INSERT) would not work"),
        (f"CREATE TABLE notes ({COLUMNS.replace(' AUTOINCREMENT', '')})", "AUTOINCREMENT"),
        ("CREATE TABLE notes (other INTEGER PRIMARY KEY AUTOINCREMENT)", "no column"),
        (f"CREATE TABLE notes ({COLUMNS}", "incomplete"),
    ],
)
def test_what_does_not_fit_changes_nothing(notes: Database, path: Path, create: str, says: str) -> None:
    before = snapshot(path)
    error = refused(notes, RebuildTable("notes", create))
    assert says in error.message
    assert error.statement_number == 1
    assert snapshot(path) == before
    assert applied_ids(path) == ["001"]
    assert notes.execute("PRAGMA foreign_keys") == [(1,)]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("nothing", "no such table"),
        ("by_author", "no such table"),
        ("words", "no such table"),
        ("words_data", "no such table"),
    ],
)
def test_only_ordinary_tables_are_rebuilt(notes: Database, table: str, says: str) -> None:
    notes.execute("CREATE VIRTUAL TABLE words USING fts5(x)")
    error = refused(notes, RebuildTable(table, f"CREATE TABLE {table} (x)"))
    assert (error.code, says in error.message) == ("rebuild_refused", True)


@pytest.mark.parametrize("name", ["size", "nothing"])
def test_an_expression_for_what_cannot_be_written_is_refused(notes: Database, name: str) -> None:
    assert repr(name) in refused(notes, RebuildTable("notes", REBUILD.create, {name: "1"})).message


@pytest.mark.parametrize(
    "expression",
    [
        '"aa"',
        'upper("aa")',
        'upper("id" || "aa")',
        '(SELECT "aa" FROM authors) || "aa"',
        'iif(id IN (SELECT 1), ("aa"), 2)',
        'CASE "aa" WHEN 1 THEN 2 END',
    ],
)
def test_a_name_that_is_mistyped_in_double_quotes_does_not_become_a_text_in_every_row(
    notes: Database, path: Path, expression: str
) -> None:
    before = snapshot(path)
    error = refused(notes, RebuildTable("notes", REBUILD.create, {"text": expression}))
    assert (error.code, '"aa", which is not a column' in error.message) == ("rebuild_refused", True)
    assert snapshot(path) == before


def test_what_is_a_name_in_double_quotes_is_taken(notes: Database, path: Path) -> None:
    sized = REBUILD.create.replace("kind TEXT", "kind TEXT DEFAULT 'a'")
    expression = (
        """"upper"("Text" COLLATE "nocase") || "size" || "notes"."id" || "main"."notes"."id" || "rowid" """
        """|| CAST("id" AS "text") || ("id" IN "ids") || (SELECT (("name")) FROM authors WHERE "authors"."id" = 1)"""
    )
    notes.execute("CREATE TABLE ids (id)")
    upgrade(notes, RebuildTable("notes", sized, {"text": expression}))
    assert ask(path, "SELECT text FROM notes WHERE id = 2") == [("TWO322220ada",)]


@pytest.mark.parametrize(
    "thing",
    [
        'CREATE INDEX thing ON notes ("kind")',
        'CREATE INDEX thing ON notes (lower("KIND"))',
        'CREATE VIEW thing AS SELECT "kind" AS x FROM notes',
        'CREATE TRIGGER thing AFTER INSERT ON journal BEGIN SELECT "kind" FROM notes; END',
    ],
)
def test_a_column_that_goes_does_not_become_a_text_somewhere_else(notes: Database, path: Path, thing: str) -> None:
    notes.execute("DROP TRIGGER starred")
    notes.execute(thing)
    before = snapshot(path)
    without = f"CREATE TABLE notes ({COLUMNS.replace('kind TEXT CHECK', 'sort TEXT CHECK').replace('kind', 'sort')})"
    assert "which is dropped" in refused(notes, RebuildTable("notes", without, {"sort": "kind"})).message
    assert snapshot(path) == before
    upgrade(notes, "DROP " + " ".join(thing.split()[1:3]), RebuildTable("notes", without, {"sort": "kind"}))


WAITS = "CREATE TRIGGER waits AFTER UPDATE OF id, {} ON notes BEGIN INSERT INTO journal VALUES ('kind'); END"
VIEWS = ("CREATE VIEW everything AS SELECT * FROM notes", "CREATE VIEW kinds AS SELECT {} AS k FROM everything")


@pytest.mark.parametrize(
    ("things", "name"), [((WAITS,), "kind"), ((WAITS,), "[KIND]"), (VIEWS, '"kind"'), (VIEWS, '"KIND"')]
)
def test_what_sqlite_would_let_go_silent_is_refused(
    notes: Database, path: Path, things: tuple[str, ...], name: str
) -> None:
    notes.execute("DROP TRIGGER starred")
    for thing in things:
        notes.execute(thing.format(name))
    before = snapshot(path)
    without = f"CREATE TABLE notes ({COLUMNS.replace('kind TEXT CHECK', 'sort TEXT CHECK').replace('kind', 'sort')})"
    assert "which is dropped" in refused(notes, RebuildTable("notes", without, {"sort": "kind"})).message
    assert snapshot(path) == before


# None of these has an index that is made again: CREATE INDEX lets prepared statements expire, and would hide that the
# question is answered from one that was prepared before the rebuild.
TARGET = "CREATE TABLE t (id INTEGER PRIMARY KEY, b, k UNIQUE)"
OTHER = "CREATE TABLE o (a)"
FIRES = "CREATE TRIGGER g AFTER {} ON o BEGIN {}; END"


@pytest.mark.parametrize(
    ("things", "create", "says"),
    [
        (("CREATE VIEW v AS SELECT b FROM t",), "(id INTEGER PRIMARY KEY, k)", "the view v would not work any more"),
        (
            ("CREATE VIEW v AS SELECT id AS x, b FROM t", "CREATE VIEW w AS SELECT x FROM v"),
            "(id INTEGER PRIMARY KEY, k)",
            "the view v would not work any more",
        ),
        (("CREATE VIEW v (x, y, z) AS SELECT * FROM t",), "(id INTEGER PRIMARY KEY, b, k, more)", "the view v"),
        (
            (FIRES.format("INSERT", "INSERT INTO t (id, b) VALUES (new.a, 1)"),),
            "(id INTEGER PRIMARY KEY, k)",
            "o (INSERT)",
        ),
        ((FIRES.format("UPDATE", "DELETE FROM t WHERE b = new.a"),), "(id INTEGER PRIMARY KEY, k)", "o (UPDATE)"),
        ((FIRES.format("DELETE", "DELETE FROM t WHERE b = old.a"),), "(id INTEGER PRIMARY KEY, k)", "o (DELETE)"),
        (
            (
                "CREATE VIEW v AS SELECT id FROM t",
                "CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN UPDATE t SET b = 1; END",
            ),
            "(id INTEGER PRIMARY KEY, k)",
            "v (INSERT)",
        ),
        (
            (FIRES.format("INSERT", "INSERT INTO t VALUES (new.a, 1, 2)"),),
            "(id INTEGER PRIMARY KEY, b, k UNIQUE, more)",
            "4 columns but 3 values",
        ),
        (
            (FIRES.format("INSERT", "INSERT INTO t (k) VALUES (new.a) ON CONFLICT (k) DO NOTHING"),),
            "(id INTEGER PRIMARY KEY, b, k)",
            "ON CONFLICT clause does not match",
        ),
    ],
)
def test_what_would_not_work_any_more_is_asked_after_the_rebuild(
    db: Database, path: Path, things: tuple[str, ...], create: str, says: str
) -> None:
    first = Migration("001", "x", (TARGET, OTHER, *things))
    db.migrator([first]).migrate()
    before = snapshot(path)
    for _ in range(2):  # the second time finds what the first has prepared
        rebuild = RebuildTable("t", f"CREATE TABLE t {create}")
        error = caught(db.migrator([first, Migration("002", "x", rebuild)], backup=False).migrate)
        assert isinstance(error, MigrationError)
        assert error.code == "rebuild_refused"
        assert says in error.message
        assert "EXPLAIN" not in error.message
        assert snapshot(path) == before


def test_a_view_that_was_broken_before_does_not_stand_in_the_way(notes: Database, path: Path) -> None:
    notes.execute("CREATE VIEW broken AS SELECT * FROM nowhere")
    notes.execute("CREATE TRIGGER lost AFTER DELETE ON authors BEGIN DELETE FROM nowhere; END")
    notes.execute("CREATE TRIGGER idle INSTEAD OF INSERT ON broken BEGIN SELECT 1; END")
    upgrade(notes, REBUILD)
    assert {"broken", "lost", "idle"} < {name for (name,) in ask(path, "SELECT name FROM sqlite_master")}


def test_rowids_that_a_search_index_refers_to_stay(db: Database, path: Path) -> None:
    first = Migration(
        "001",
        "texts",
        (
            "CREATE TABLE texts (id TEXT PRIMARY KEY, body TEXT)",
            "INSERT INTO texts (rowid, id, body) VALUES (5, 'a', 'apple'), (90, 'b', 'banana')",
            "CREATE VIRTUAL TABLE words USING fts5(body, content='texts')",
            "INSERT INTO words (words) VALUES ('rebuild')",
        ),
    )
    create = "CREATE TABLE texts (id TEXT PRIMARY KEY, body TEXT NOT NULL)"
    db.migrator([first, Migration("002", "x", RebuildTable("texts", create))], backup=False).migrate()
    assert ask(path, "SELECT rowid, body FROM words WHERE words MATCH 'banana'") == [(90, "banana")]


TEXTS = (
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, n INT, body TEXT)",
    "INSERT INTO texts VALUES (5, 90, 'apple'), (90, 5, 'banana')",
)
BY_ROWID = (*TEXTS, "CREATE VIRTUAL TABLE words USING fts5 (body, content='texts')")
BY_COLUMN = (*TEXTS, 'CREATE VIRTUAL TABLE words USING fts5(body, content="Texts" , content_rowid=id)')
BY_NUMBER = (*TEXTS, "CREATE VIRTUAL TABLE words USING fts5(body, content = [texts], content_r = 'n')")
OLD_KIND = (*TEXTS, "CREATE VIRTUAL TABLE words USING fts4(content=`texts`, body TEXT)")
DESC = ("CREATE TABLE texts (id INTEGER PRIMARY KEY DESC, n INT, body TEXT)", TEXTS[1], BY_ROWID[2])
FILL = "INSERT INTO words (words) VALUES ('rebuild')"


@pytest.mark.parametrize(
    ("things", "create", "columns"),
    [
        (BY_ROWID, "(id INT PRIMARY KEY, n INT, body TEXT)", {}),
        (BY_ROWID, "(rowid TEXT, n INT, body TEXT)", {"rowid": "id"}),
        (BY_ROWID, "(body TEXT)", {}),
        (BY_ROWID, "(id INTEGER PRIMARY KEY DESC, body TEXT)", {}),
        (BY_ROWID, "(n INTEGER PRIMARY KEY, body TEXT)", {"n": "RowId -- it is"}),
        (DESC, "(id INTEGER PRIMARY KEY DESC, body TEXT)", {}),
        (DESC, "(id INTEGER PRIMARY KEY, body TEXT)", {"id": "rowid"}),
        (OLD_KIND, "(id INT PRIMARY KEY, body TEXT)", {}),
        (BY_COLUMN, "(id INT PRIMARY KEY, body TEXT)", {}),
        (BY_COLUMN, "(id INT PRIMARY KEY, body TEXT) WITHOUT ROWID", {}),
        (BY_NUMBER, "(n INTEGER PRIMARY KEY, body TEXT)", {}),
        (BY_NUMBER, "(id INTEGER PRIMARY KEY, n INT, body TEXT)", {"id": "id + 7"}),
    ],
)
def test_a_search_index_finds_the_same_rows_whatever_becomes_of_the_key(
    db: Database, path: Path, things: tuple[str, ...], create: str, columns: dict[str, str]
) -> None:
    first = Migration("001", "texts", (*things, FILL))
    found = "SELECT rowid, body FROM words WHERE words MATCH 'apple OR banana' ORDER BY 2"
    db.migrator([first]).migrate()
    before = ask(path, found)
    rebuild = RebuildTable("texts", f"CREATE TABLE texts {create}", columns)
    db.migrator([first, Migration("002", "x", rebuild)], backup=False).migrate()
    assert ask(path, found) == before
    assert [body for _, body in before] == ["apple", "banana"]


@pytest.mark.parametrize(
    ("things", "create", "columns", "says"),
    [
        (BY_ROWID, "(id INT PRIMARY KEY, body TEXT) WITHOUT ROWID", {}, "finds its rows by rowid"),
        (BY_ROWID, "(n INTEGER PRIMARY KEY, body TEXT)", {}, "finds its rows by rowid"),
        (BY_ROWID, "(id INTEGER PRIMARY KEY, body TEXT)", {"id": "95 - id"}, "finds its rows by rowid"),
        (BY_ROWID, "(id INTEGER PRIMARY KEY, body TEXT)", {"id": "n"}, "finds its rows by rowid"),
        (BY_ROWID, "(other INTEGER PRIMARY KEY, body TEXT)", {}, "finds its rows by rowid"),
        (BY_ROWID, "(rowid, id INT, body TEXT)", {}, "finds its rows by rowid"),
        (DESC, "(id INTEGER PRIMARY KEY, n INT, body TEXT)", {}, "finds its rows by rowid"),
        (OLD_KIND, "(n INTEGER PRIMARY KEY, body TEXT)", {}, "finds its rows by rowid"),
        (BY_COLUMN, "(id INT, body TEXT)", {"id": "n"}, "finds its rows by id"),
        (BY_COLUMN, "(other INTEGER PRIMARY KEY, body TEXT)", {"other": "id"}, "finds its rows by id"),
        (BY_NUMBER, "(id INTEGER PRIMARY KEY, n INT, body TEXT)", {"n": "'n'"}, "finds its rows by n"),
        (BY_ROWID, "(id INTEGER PRIMARY KEY, text TEXT)", {"text": "body"}, "reads body, which is dropped"),
    ],
)
def test_a_search_index_that_would_find_other_rows_is_in_the_way(
    db: Database, path: Path, things: tuple[str, ...], create: str, columns: dict[str, str], says: str
) -> None:
    first = Migration("001", "texts", (*things, FILL))
    db.migrator([first]).migrate()
    before = snapshot(path)
    rebuild = RebuildTable("texts", f"CREATE TABLE texts {create}", columns)
    error = caught(db.migrator([first, Migration("002", "x", rebuild)], backup=False).migrate)
    assert (error.code, says in error.message) == ("rebuild_refused", True)
    assert snapshot(path) == before
    # As it says: dropped before, and made again behind.
    around = ("DROP TABLE words", rebuild, "CREATE VIRTUAL TABLE words USING fts5(body, content='')")
    db.migrator([first, Migration("002", "x", around, allows_loss=("words",))], backup=False).migrate()


def test_a_search_index_that_this_build_cannot_read_is_looked_at_as_far_as_it_goes(db: Database, path: Path) -> None:
    first = Migration("001", "texts", BY_ROWID)
    db.migrator([first]).migrate()
    with outside(path) as connection:  # as a build would leave it that has a tokenizer of its own
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, '(body', '(tokenize=ours, body') WHERE name = 'words'"
        )
    create = "CREATE TABLE texts (id INT PRIMARY KEY, body TEXT)"
    db.migrator([first, Migration("002", "x", RebuildTable("texts", create))], backup=False).migrate()
    assert ask(path, "SELECT rowid FROM texts ORDER BY id") == [(5,), (90,)]
    other = Migration("003", "x", RebuildTable("texts", create + " WITHOUT ROWID"))
    error = caught(
        db.migrator([first, Migration("002", "x", RebuildTable("texts", create)), other], backup=False).migrate
    )
    assert "finds its rows by rowid" in str(error)


def test_what_is_no_search_index_of_the_table_is_not_in_the_way(db: Database, path: Path) -> None:
    things = (
        *TEXTS,
        "CREATE VIRTUAL TABLE own USING fts5(body, content)",
        "CREATE VIRTUAL TABLE none USING fts5(body, content='')",
        'CREATE VIRTUAL TABLE none_4 USING fts4(body, content="")',
        "CREATE VIRTUAL TABLE other USING fts5(body, content=others)",
        "CREATE VIRTUAL TABLE own_4 USING fts4(body, tokenize=simple)",
        "CREATE VIRTUAL TABLE places USING rtree(id, a, b)",
    )
    first = Migration("001", "texts", things)
    create = "CREATE TABLE texts (n INT PRIMARY KEY, body TEXT) WITHOUT ROWID"
    db.migrator([first, Migration("002", "x", RebuildTable("texts", create))], backup=False).migrate()
    assert ask(path, "SELECT * FROM texts") == [(5, "banana"), (90, "apple")]


def test_without_rowid_and_strict_stay_where_create_forgets_them(notes: Database, path: Path) -> None:
    notes.execute("CREATE TABLE both (a TEXT PRIMARY KEY) STRICT, WITHOUT ROWID")
    upgrade(
        notes,
        RebuildTable(
            "tags",
            "CREATE TABLE tags (note INTEGER NOT NULL REFERENCES notes ON DELETE CASCADE, tag, PRIMARY KEY (note, tag)); -- that is it",
        ),
        RebuildTable("notes", f"CREATE TABLE notes ({COLUMNS}) -- STRICT"),
        RebuildTable("both", "CREATE TABLE both (a TEXT PRIMARY KEY, b INT) strict"),
    )
    kinds = {(n, s): w for n, s, w in ask(path, "SELECT name, strict, wr FROM pragma_table_list")}
    assert kinds[("tags", 0)] == 1
    assert kinds[("notes", 1)] == 0
    assert kinds[("both", 1)] == 1


def test_names_may_be_odd(db: Database, path: Path) -> None:
    name = "a \"b\" [c] `d` 'e' ;--é"
    quoted = '"' + name.replace('"', '""') + '"'
    first = Migration(
        "001",
        "odd",
        (
            f'CREATE TABLE {quoted} ({quoted} INTEGER PRIMARY KEY AUTOINCREMENT, "select" TEXT)',
            f"CREATE TABLE child (x REFERENCES {quoted} ON DELETE CASCADE)",
            f'CREATE INDEX [i i] ON {quoted} ("select")',
            f"INSERT INTO {quoted} VALUES (4, 'x')",
            "INSERT INTO child VALUES (4)",
            "CREATE TABLE agentdb_rebuild_x (y)",
        ),
    )
    create = f'CREATE TABLE main.{quoted} ({quoted} INTEGER PRIMARY KEY AUTOINCREMENT, "select" TEXT CHECK ("select" <> \'\'))'
    db.migrator([first, Migration("002", "x", RebuildTable(name, create))], backup=False).migrate()
    assert ask(path, f"SELECT * FROM {quoted}") == [(4, "x")]
    assert ask(path, "SELECT * FROM child") == [(4,)]
    assert ask(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL") == [("i i",)]


def test_a_name_that_is_taken_is_not_taken_again(db: Database, path: Path) -> None:
    first = Migration(
        "001",
        "x",
        ("CREATE TABLE x (y)", "CREATE TABLE agentdb_rebuild_x (y)", "INSERT INTO agentdb_rebuild_x VALUES (1)"),
    )
    db.migrator([first, Migration("002", "x", RebuildTable("x", "CREATE TABLE x (y TEXT)"))], backup=False).migrate()
    assert ask(path, "SELECT * FROM agentdb_rebuild_x") == [(1,)]


def test_a_rebuild_takes_itself_back_in_a_down_from_the_recorded_row(notes: Database, path: Path) -> None:
    back = RebuildTable("notes", str(SCHEMA.up[1]))
    second = Migration("002", "rebuild", REBUILD, back)
    before = snapshot(path)
    notes.migrator([SCHEMA, second], backup=False).migrate()
    ((up, down, foreign_keys),) = ask(path, "SELECT up, down, foreign_keys FROM migrations WHERE id = '002'")
    assert json.loads(up) == [REBUILD.form]
    assert json.loads(down) == [back.form]
    assert foreign_keys == 0
    result = notes.migrator([SCHEMA]).rollback_last()  # a build that has never heard of it
    assert any("INSERT OR ABORT" in sql for sql in result.statements)
    after = snapshot(path)
    (old,) = [row for row in before["sqlite_master"] if row[1] == "notes"]
    (new,) = [row for row in after["sqlite_master"] if row[1] == "notes"]
    assert new[3].replace('"notes"', "notes") == old[3]
    assert after["notes"] == before["notes"]
    assert after["tags"] == before["tags"]


@pytest.mark.parametrize(
    "form",
    [
        {**REBUILD.form, "version": 2},
        {**REBUILD.form, "version": True},
        {**REBUILD.form, "version": 1.0},
        {**REBUILD.form, "version": "1"},
        {**REBUILD.form, "agentdb": "split_table"},
        {**REBUILD.form, "more": 1},
        {"version": 1},
    ],
)
def test_a_form_of_a_newer_build_is_named(notes: Database, path: Path, form: dict[str, Any]) -> None:
    second = Migration("002", "newer", "CREATE TABLE x (y)", "DROP TABLE x")
    notes.migrator([SCHEMA, second], backup=False).migrate()
    before = snapshot(path)
    notes.execute("UPDATE migrations SET down = ? WHERE id = '002'", json.dumps([form]))
    error = caught(notes.migrator([SCHEMA]).rollback_last)
    assert isinstance(error, MigrationError)
    assert (error.code, error.migration_id) == ("unknown_form", "002")
    assert snapshot(path) == before
    notes.execute("UPDATE migrations SET down = '[\"DROP TABLE x\"]', up = ? WHERE id = '002'", json.dumps([form]))
    notes.migrator([SCHEMA]).rollback_last()  # what takes it back is known


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ({"columns": None}, "columns is not an object"),
        ({"columns": [1]}, "columns is not an object"),
        ({"columns": {"text": 1}}, "both are text"),
        ({"columns": {"text": "1; 2"}}, "not one expression"),
        ({"table": None}, "the name of the table is None"),
        ({"table": "other"}, "a table of another name"),
        ({"create": {}}, "not SQL"),
        ({"create": "CREATE TABLE temp.notes (id)"}, "only those of main"),
    ],
)
def test_a_form_that_somebody_has_spoilt_is_named_with_what_can_be_done(
    notes: Database, path: Path, damage: dict[str, Any], says: str
) -> None:
    second = Migration("002", "newer", "CREATE TABLE x (y)", "DROP TABLE x")
    notes.migrator([SCHEMA, second], backup=False).migrate()
    before = snapshot(path)
    notes.execute("UPDATE migrations SET down = ? WHERE id = '002'", json.dumps([{**REBUILD.form, **damage}]))
    error = caught(notes.migrator([SCHEMA]).rollback_last)
    assert isinstance(error, MigrationError)
    assert (error.code, error.migration_id, says in error.message) == ("unknown_form", "002", True)
    assert "correct the row in the tracking table" in error.remedy
    assert snapshot(path) == before
    notes.migrator([SCHEMA, second]).rollback_last()  # as it says: a build that has it


UP_C = (
    "CREATE TABLE p (id INTEGER PRIMARY KEY)",
    "INSERT INTO p VALUES (1), (2)",
    "CREATE TABLE c (a REFERENCES p, b REFERENCES p)",
    "INSERT INTO c VALUES (1, 2), (2, NULL), (1, NULL)",
)


def rebuilt_c(first: str, second: str, columns: dict[str, str]) -> RebuildTable:
    return RebuildTable("C", f"CREATE TABLE c ({first} REFERENCES p, {second} REFERENCES p)", columns)


@pytest.mark.parametrize(
    "up",
    [
        (rebuilt_c("new_a", "b", {"new_a": '/* as it was */ "A" --'}),),
        (rebuilt_c("a", "b", {"a": "b", "b": "a"}), rebuilt_c("a", "b", {"a": "b", "b": "a"})),
        (rebuilt_c("x", "y", {"X": "a", "y": "B"}), "ALTER TABLE c RENAME x TO z", rebuilt_c("b", "z", {"b": "y"})),
        (rebuilt_c("x", "b", {"x": "a"}), "ALTER TABLE c RENAME TO d", "ALTER TABLE d RENAME COLUMN b TO y"),
    ],
)
def test_a_column_of_references_may_get_another_name(db: Database, path: Path, up: tuple[Any, ...]) -> None:
    migrations = [Migration("001", "x", UP_C), Migration("002", "x", up)]
    db.migrator(migrations, backup=False).migrate()
    assert ask(path, "PRAGMA foreign_key_check") == []
    proof = agentdb.validate_migrations(migrations, fixtures={})
    assert [finding for finding in proof.errors if finding.code == "data_loss"] == []


@pytest.mark.parametrize("expression", ["nullif(a, 2)", "CASE WHEN a = 1 THEN a END", "'a'", "NULL"])
def test_a_column_that_comes_of_more_than_a_name_is_none_of_another_name(db: Database, expression: str) -> None:
    up = (rebuilt_c("new_a", "b", {"new_a": expression}), "UPDATE c SET new_a = NULL")
    error = caught(db.migrator([Migration("001", "x", UP_C), Migration("002", "x", up)], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"c.a": (3, 0)}


def test_the_columns_that_only_get_another_name_are_known() -> None:
    columns = {"A": "`B`", "b": "'a'", "c": "NULL", "d": "current_date", "e": "(a)", "f": "-- a", "g": '"C c"'}
    rebuild = RebuildTable("t", "CREATE TABLE t (a, b, c, d, e, f, g)", columns)
    assert rebuild.renamed_columns == (("b", "a"), ("c c", "g"))


@pytest.mark.parametrize("name", ["t", 'odd "t".t', "main"])
@pytest.mark.parametrize(
    "check",
    [
        "{0}.a > 0",
        'main.{0}.a > 0 AND {0} /* . */ . "a" <> 7',
        "{0}.{0} IS NULL AND {0}.a > 0 AND a <> 't.a'",
        "{0}.rowid > 0 AND {0}.a > 0",
    ],
)
def test_a_check_may_name_the_table(db: Database, path: Path, name: str, check: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    columns = f"a INT, {quoted} INT REFERENCES {quoted} (a), CHECK ({check.format(quoted)}) -- {name}.b"
    first = Migration(
        "001", "x", (f"CREATE TABLE {quoted} (a INT, {quoted} INT)", f"INSERT INTO {quoted} (a) VALUES (1)")
    )
    create = f"CREATE TABLE main.{quoted} ({columns}\n, FOREIGN KEY (a) REFERENCES {quoted} (a), UNIQUE (a)) STRICT;"
    db.migrator([first, Migration("002", "x", RebuildTable(name, create))], backup=False).migrate()
    ((sql,),) = ask(path, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", name)
    assert "agentdb_rebuild" not in sql
    assert sql.replace(" main.", " ") == create.replace(" main.", " ").rstrip(";")
    with outside(path) as connection, pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        connection.execute(f"INSERT INTO {quoted} (a) VALUES (-1)")
    db.execute(f"INSERT INTO {quoted} (a) VALUES (2)")
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


TWENTY = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO {} SELECT i, i % 5, 'k' || i FROM n"
ANALYZED = (
    "CREATE TABLE keyed (a INTEGER PRIMARY KEY, b, k UNIQUE, UNIQUE (b, k))",
    "CREATE TABLE bare (a, b, k)",
    "CREATE TABLE [d'd] (a, b, k, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE TABLE other (a PRIMARY KEY, b, k)",
    *[TWENTY.format(name) for name in ("keyed", "bare", "[d'd]", "other")],
    "CREATE INDEX by_b ON keyed (b)",
    "CREATE INDEX by_length ON [d'd] (length(k)) WHERE k > 'k'",
    "ANALYZE",
)


@pytest.mark.parametrize(
    ("rebuild", "forgotten"),
    [
        (RebuildTable("Keyed", "CREATE TABLE keyed (k UNIQUE, b INT, a INTEGER PRIMARY KEY, UNIQUE (b, k))"), []),
        (
            RebuildTable(
                "keyed", "CREATE TABLE keyed (a INTEGER PRIMARY KEY, b UNIQUE ON CONFLICT ABORT, k)", {"b": "a"}
            ),
            ["sqlite_autoindex_keyed_1", "sqlite_autoindex_keyed_2"],
        ),
        (
            RebuildTable("keyed", "CREATE TABLE keyed (a, b, k COLLATE NOCASE UNIQUE)"),
            ["sqlite_autoindex_keyed_1", "sqlite_autoindex_keyed_2"],
        ),
        (RebuildTable("bare", "CREATE TABLE bare (a, b, k TEXT)"), []),
        (RebuildTable("d'd", "CREATE TABLE [d'd] (b, a, k TEXT, PRIMARY KEY (a, b))"), []),
        (RebuildTable("d'd", "CREATE TABLE [d'd] (a, b, k TEXT, PRIMARY KEY (b, a))"), ["d'd"]),
    ],
)
def test_what_analyze_has_found_out_stays_where_the_index_does(
    db: Database, path: Path, rebuild: RebuildTable, forgotten: list[str]
) -> None:
    first = Migration("001", "x", ANALYZED)
    db.migrator([first]).migrate()
    everything = "SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY 1, 2"
    before = ask(path, everything)
    assert {index for _, index, _ in before} > {*forgotten, "by_b", "by_length", "d'd", None}
    migrator = db.migrator([first, Migration("002", "x", rebuild)], backup=False)
    (preview,) = migrator.migrate(dry_run=True)
    (result,) = migrator.migrate()
    assert result.statements == preview.statements
    assert ask(path, everything) == [row for row in before if row[1] not in forgotten]


def test_so_does_what_another_build_of_sqlite_has_sampled(db: Database, path: Path) -> None:
    if ask(path, "SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_STAT4'"):
        pytest.skip("this build samples by itself, and would read what stands there in place of samples")
    first = Migration("001", "x", ANALYZED)
    db.migrator([first]).migrate()
    with outside(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("CREATE TABLE sqlite_stat4 (tbl, idx, neq, nlt, ndlt, sample)")
        connection.execute("INSERT INTO sqlite_stat4 SELECT tbl, idx, stat, 1, 1, x'00' FROM sqlite_stat1")
    everything = "SELECT * FROM sqlite_stat4 ORDER BY tbl, idx"
    before = ask(path, everything)
    rebuild = RebuildTable("keyed", "CREATE TABLE keyed (a INTEGER PRIMARY KEY, b, k, UNIQUE (b, k))")
    db.migrator([first, Migration("002", "x", rebuild)], backup=False).migrate()
    gone = ("sqlite_autoindex_keyed_1", "sqlite_autoindex_keyed_2")
    assert ask(path, everything) == [row for row in before if row[1] not in gone]


@pytest.mark.parametrize("child", [(), ("INSERT INTO child VALUES ('a')",)])
def test_a_referenced_column_keeps_its_unique_index(db: Database, path: Path, child: tuple[str, ...]) -> None:
    first = Migration(
        "001",
        "x",
        (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, k TEXT UNIQUE)",
            "INSERT INTO parent VALUES (1, 'a')",
            "CREATE TABLE child (r REFERENCES parent (k))",
            *child,
        ),
    )
    db.migrator([first]).migrate()
    before = snapshot(path)
    rebuild = RebuildTable("parent", "CREATE TABLE parent (id INTEGER PRIMARY KEY, k TEXT NOT NULL)")
    error = caught(db.migrator([first, Migration("002", "x", rebuild)], backup=False).migrate)
    assert error.code == "dangling_references"
    assert 'child (cannot be checked): foreign key mismatch - "child" referencing "parent"' in error.message
    assert "UNIQUE index" in error.remedy
    assert snapshot(path) == before
    # As it says.
    up = (rebuild, "CREATE UNIQUE INDEX keys ON parent (k)")
    db.migrator([first, Migration("002", "x", up)], backup=False).migrate()
    db.execute("INSERT INTO child VALUES ('a')")


def test_the_checksum_hangs_on_all_of_it_and_not_on_the_order_of_columns() -> None:
    def of(*up: Any) -> str:
        return Migration("001", "x", up).checksum

    create = "CREATE TABLE t (a, b)"
    base = of(RebuildTable("t", create, {"a": "1", "b": "2"}))
    assert base == of(RebuildTable("t", create + " \r\n", {"b": "2 ", "a": "1"}))
    others = [
        of(RebuildTable("t", create, {"a": "1"})),
        of(RebuildTable("T", create, {"a": "1", "b": "2"})),
        of(RebuildTable("t", create + " STRICT", {"a": "1", "b": "2"})),
        of(RebuildTable("t", create, {"a": "1", "b": "2"}), "VACUUM"),
        of(
            as_json((RebuildTable("t", create, {"a": "1", "b": "2"}),))
            .replace("[", "SELECT '")
            .replace("]", "'")
            .replace("AS", "")
        ),
    ]
    assert len({base, *others}) == len(others) + 1
    # For ever: what a database has recorded must be what a later build computes.
    assert base == "v1:c3fc176fe7b265f9c41a2f7efbc533b0dcba73de5062297a7d47025d4fe9761e"
    text = f'{{"id":"1","up":[{RebuildTable("t", create, {"a": "1", "b": "2"}).canonical_json}]}}'
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_it_is_a_value() -> None:
    again = RebuildTable("notes", REBUILD.create)
    assert again == REBUILD
    assert hash(again) == hash(REBUILD)
    assert pickle.loads(pickle.dumps(REBUILD)) == copy.deepcopy(REBUILD) == REBUILD
    migration = Migration("002", "x", REBUILD)
    assert migration.foreign_keys is False
    assert Migration("002", "x", "CREATE TABLE x (y)", REBUILD).foreign_keys is False
    assert pickle.loads(pickle.dumps(migration)) == migration


@pytest.mark.parametrize(
    ("table", "create", "columns"),
    [
        ("", "CREATE TABLE x (y)", None),
        (1, "CREATE TABLE x (y)", None),
        ("sqlite_sequence", "CREATE TABLE sqlite_sequence (y)", None),
        ("x", b"CREATE TABLE x (y)", None),
        ("x", "CREATE TABLE y (y)", None),
        ("x", "CREATE TABLE IF NOT EXISTS x (y)", None),
        ("x", "CREATE TEMP TABLE x (y)", None),
        ("x", "CREATE TABLE temp.x (y)", None),
        ("x", 'CREATE TABLE "other" . x (y)', None),
        ("x", "CREATE TABLE x AS SELECT 1", None),
        ("x", "CREATE VIEW x (y) AS SELECT 1", None),
        ("x", "CREATE TABLE x (y); DROP TABLE z", None),
        ("x", "CREATE TABLE x", None),
        ("x", "", None),
        ("x", "CREATE TABLE x (y)", ["y"]),
        ("x", "CREATE TABLE x (y)", {"y": 1}),
        ("x", "CREATE TABLE x (y)", {1: "y"}),
        ("x", "CREATE TABLE x (y)", {"y": ""}),
        ("x", "CREATE TABLE x (y)", {"y": "1; DROP TABLE z"}),
        ("x", "CREATE TABLE x (y)", {"y": "1", "Y": "2"}),
        ("x", "CREATE TABLE x (y)", {"y": "'\ud800'"}),
    ],
    ids=repr,
)
def test_what_can_never_be_a_rebuild_is_refused_when_it_is_made(table: Any, create: Any, columns: Any) -> None:
    assert type(caught(RebuildTable, table, create, columns)) is InvalidMigrationError


def test_a_rebuild_needs_its_transaction() -> None:
    assert type(caught(Migration, "001", "x", REBUILD, use_transaction=False)) is InvalidMigrationError


def test_a_dry_run_shows_what_would_run_also_on_a_table_that_is_not_there_yet(db: Database, path: Path) -> None:
    migrator = db.migrator([SCHEMA, Migration("002", "rebuild", REBUILD)], backup=False)
    previews = migrator.migrate(dry_run=True)
    assert [sql.split(" (")[0] for sql in previews[1].statements if not sql.startswith(("DROP TRI", "DROP V"))][:2] == [
        'CREATE TABLE "agentdb_rebuild_notes"',
        'INSERT OR ABORT INTO "agentdb_rebuild_notes"',
    ]
    assert not path.exists() or ask(path, "SELECT count(*) FROM sqlite_master") == [(0,)]
    results = migrator.migrate()
    assert [result.statements for result in results] == [preview.statements for preview in previews]


def test_a_dry_run_of_what_cannot_be_done_shows_what_was_asked_for(db: Database) -> None:
    impossible = Migration("001", "x", RebuildTable("x", "CREATE TABLE x (y)"))
    (preview,) = db.migrator([impossible]).migrate(dry_run=True)
    assert preview.statements == ("-- rebuild the table 'x' as: CREATE TABLE x (y)",)
    assert refusal_of(db, impossible).results[-1].statements == preview.statements


def refusal_of(db: Database, migration: Migration) -> MigrationError:
    error = caught(db.migrator([migration]).migrate)
    assert isinstance(error, MigrationError)
    return error


def test_migrations_with_a_rebuild_are_proved_like_others() -> None:
    wider = RebuildTable("notes", str(SCHEMA.up[1]).replace("kind TEXT", "kind TEXT DEFAULT 'a'"))
    second = Migration("002", "rebuild", wider, RebuildTable("notes", str(SCHEMA.up[1])))
    assert agentdb.validate_migrations([SCHEMA, second]).errors == ()
    warnings = agentdb.validate_migrations([SCHEMA, second]).warnings
    assert "down_incomplete" not in [finding.code for finding in warnings]
    broken = Migration("002", "rebuild", RebuildTable("notes", "CREATE TABLE notes (x)"))
    assert [finding.code for finding in agentdb.validate_migrations([SCHEMA, broken]).errors] == ["up_failed"]
