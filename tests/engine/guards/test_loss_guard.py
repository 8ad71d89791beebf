"""What a migration would lose: with the guard it is refused and nothing is changed, without it the rows are gone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, applied_ids, caught, outside
from guard_harness import rows, run_unguarded, snapshot

from agentdb import Migration, Migrator, RebuildTable, create_client_sync
from agentdb.engine.guards.losses import can_lose, consent_of
from agentdb.errors import DanglingReferencesError, DataLossError, DependentRowsError, InvalidMigrationError
from agentdb.operations.runners import run

SCHEMA = Migration(
    "001",
    "a family",
    (
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE cascades (id INTEGER PRIMARY KEY, parent NOT NULL REFERENCES parents ON DELETE CASCADE)",
        "CREATE TABLE forgets (id INTEGER PRIMARY KEY, parent REFERENCES parents ON DELETE SET NULL)",
        "CREATE TABLE aside (id INTEGER PRIMARY KEY, v)",
        "INSERT INTO parents VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "INSERT INTO cascades VALUES (10, 1), (11, 1), (12, 2)",
        "INSERT INTO forgets VALUES (20, 1), (21, NULL), (22, 3)",
        "INSERT INTO aside VALUES (30, 'x'), (31, 'y')",
    ),
    ("DROP TABLE aside", "DROP TABLE forgets", "DROP TABLE cascades", "DROP TABLE parents"),
)
#: The twelve steps of many a guide, without the first one.
REBUILD_BY_HAND = (
    "CREATE TABLE parents_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "INSERT INTO parents_new SELECT id, name FROM parents",
    "DROP TABLE parents",
    "ALTER TABLE parents_new RENAME TO parents",
)
RENAMED_FIRST = (
    "ALTER TABLE parents RENAME TO parents_old",
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "INSERT INTO parents SELECT id, name FROM parents_old",
    "DROP TABLE parents_old",
)
LOSSES: dict[str, tuple[Any, dict[str, tuple[int, int]]]] = {
    "a rebuild with foreign keys on": (REBUILD_BY_HAND, {"cascades": (3, 0), "forgets.parent": (2, 0)}),
    "a rebuild that renames first": (RENAMED_FIRST, {"cascades": (3, 0), "forgets.parent": (2, 0)}),
    "a delete that cascades": (
        "DELETE FROM parents WHERE id = 1",
        {"parents": (3, 2), "cascades": (3, 1), "forgets.parent": (2, 1)},
    ),
    "INSERT OR REPLACE": (
        "INSERT OR REPLACE INTO parents VALUES (1, 'z')",
        {"cascades": (3, 1), "forgets.parent": (2, 1)},
    ),
    "REPLACE": ("REPLACE INTO parents VALUES (1, 'z')", {"cascades": (3, 1), "forgets.parent": (2, 1)}),
    "an upsert": (
        "INSERT INTO forgets VALUES (20, NULL) ON CONFLICT DO UPDATE SET parent = NULL",
        {"forgets.parent": (2, 1)},
    ),
    "an update": ("UPDATE forgets SET parent = NULL", {"forgets.parent": (2, 0)}),
    "WITH": ("WITH x AS (SELECT 30 AS id) DELETE FROM aside WHERE id IN (SELECT id FROM x)", {"aside": (2, 1)}),
    "a drop, and another of that name": (("DROP TABLE aside", "CREATE TABLE aside (id)"), {"aside": (2, 0)}),
    "a copy that forgets rows": (
        (
            "CREATE TABLE aside_new (id INTEGER PRIMARY KEY, v)",
            "INSERT INTO aside_new SELECT * FROM aside WHERE v > 'x'",
            "DROP TABLE aside",
            "ALTER TABLE aside_new RENAME TO aside",
        ),
        {"aside": (2, 1)},
    ),
    "a trigger of the migration": (
        (
            "CREATE TRIGGER t AFTER UPDATE ON aside BEGIN DELETE FROM cascades; END",
            "UPDATE aside SET v = 'z'",
        ),
        {"cascades": (3, 0)},
    ),
    "a trigger behind a plain INSERT": (
        (
            "CREATE TRIGGER t AFTER INSERT ON aside BEGIN DELETE FROM cascades; END",
            "INSERT INTO aside VALUES (32, 'z')",
        ),
        {"cascades": (3, 0)},
    ),
    "a view in the place of a table": (
        ("CREATE TABLE kept AS SELECT * FROM aside", "DROP TABLE aside", "CREATE VIEW aside AS SELECT * FROM kept"),
        {"aside": (2, 0)},
    ),
}


@pytest.fixture
def family(db: Database) -> Database:
    db.migrator([SCHEMA]).migrate()
    return db


@pytest.mark.parametrize(("up", "lost"), LOSSES.values(), ids=LOSSES)
def test_what_would_be_lost_is_refused_and_nothing_is_changed(
    family: Database, path: Path, up: Any, lost: dict[str, tuple[int, int]]
) -> None:
    before = snapshot(path)
    error = caught(family.migrator([SCHEMA, Migration("002", "loses", up)], backup=False).migrate)
    assert type(error) is DataLossError
    assert error.code == "data_loss"
    assert error.tables == lost
    assert error.migration_id == "002"
    for name, (was, is_left) in lost.items():
        assert f"{name} {was} -> {is_left}" in error.message
    assert error.results[-1].success is False
    assert snapshot(path) == before
    assert applied_ids(path) == ["001"]


@pytest.mark.parametrize(("up", "lost"), LOSSES.values(), ids=LOSSES)
def test_without_the_guard_the_same_statements_lose_it(
    family: Database, path: Path, up: Any, lost: dict[str, tuple[int, int]]
) -> None:
    with create_client_sync(path) as client:
        run_unguarded(client, up)
    there = {name for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    for name, (was, is_left) in lost.items():
        table, _, column = name.partition(".")
        assert was > is_left
        if table in there:
            assert rows(path, f"SELECT count({column or '*'}) FROM {table}") == [(is_left,)]
    # The check that SQLite offers sees nothing of it.
    assert rows(path, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize(("up", "lost"), LOSSES.values(), ids=LOSSES)
def test_what_is_named_may_be_lost(family: Database, path: Path, up: Any, lost: dict[str, tuple[int, int]]) -> None:
    one = Migration("002", "loses", up, allows_loss=[name.upper() for name in lost])
    assert len(family.migrator([SCHEMA, one], backup=False).migrate()) == 1
    assert applied_ids(path) == ["001", "002"]


def test_a_table_that_was_there_does_not_stand_in_for_one_that_is_dropped(db: Database) -> None:
    first = Migration("001", "two", ("CREATE TABLE a (x)", "CREATE TABLE b (x)", "INSERT INTO a VALUES (1), (2)"))
    more = Migration("002", "more", "INSERT INTO b VALUES (1), (2), (3)")
    swaps = Migration("003", "b for a", ("DROP TABLE a", "ALTER TABLE b RENAME TO a"))
    error = caught(db.migrator([first, more, swaps], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"a": (2, 0)}
    turns = (
        "ALTER TABLE a RENAME TO c",
        "ALTER TABLE b RENAME TO a",
        "ALTER TABLE c RENAME TO b",
        "DELETE FROM a WHERE 0",
    )
    assert len(db.migrator([first, more, Migration("003", "turns", turns)], backup=False).migrate()) == 1


def test_a_named_table_is_named_with_its_columns_and_nothing_else(family: Database) -> None:
    named = Migration("002", "deletes", "DELETE FROM parents", allows_loss=("parents", "forgets"))
    error = caught(family.migrator([SCHEMA, named], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"cascades": (3, 0)}


KEPT: dict[str, Any] = {
    "rename": "ALTER TABLE aside RENAME TO elsewhere",
    "rename and change": ("ALTER TABLE aside RENAME TO elsewhere", "UPDATE elsewhere SET v = 1"),
    "rename twice": (
        "ALTER TABLE aside RENAME TO x",
        "ALTER TABLE x RENAME TO 'y z'",
        "DELETE FROM parents WHERE id > 9",
    ),
    "rename a reference": ('ALTER TABLE forgets RENAME COLUMN parent TO "mother "', "UPDATE aside SET v = 1"),
    "rename both": (
        "ALTER TABLE forgets RENAME parent TO mother",
        "ALTER TABLE main.forgets RENAME TO forgotten",
        "UPDATE aside SET v = 1",
    ),
    "swap": (
        "ALTER TABLE aside RENAME TO tmp",
        "ALTER TABLE forgets RENAME TO aside",
        "ALTER TABLE tmp RENAME TO forgets",
        "UPDATE parents SET name = name",
    ),
    "rebuild": (
        "CREATE TABLE new (id INTEGER PRIMARY KEY, v TEXT)",
        "INSERT INTO new SELECT * FROM aside",
        "DROP TABLE aside",
        "ALTER TABLE new RENAME TO ASIDE",
    ),
    "a table that was empty": ("CREATE TABLE empty (x)", "DROP TABLE empty"),
    "a view": ("CREATE VIEW v AS SELECT * FROM aside", "DROP VIEW v"),
    "more than before": "UPDATE forgets SET parent = 2",
    "a column that is no reference": "ALTER TABLE aside DROP COLUMN v",
    "a search index": (
        "CREATE VIRTUAL TABLE words USING fts5(v, content='aside', content_rowid='id')",
        "INSERT INTO words (words) VALUES ('rebuild')",
        "DROP TABLE words",
    ),
}


@pytest.mark.parametrize("up", KEPT.values(), ids=KEPT)
def test_what_loses_nothing_needs_no_word(family: Database, path: Path, up: Any) -> None:
    family.migrator([SCHEMA, Migration("002", "keeps", up)], backup=False).migrate()
    assert applied_ids(path) == ["001", "002"]


def test_rows_that_only_a_full_text_table_has_are_rows(family: Database, path: Path) -> None:
    words = Migration(
        "002", "words", ("CREATE VIRTUAL TABLE words USING fts5(v)", "INSERT INTO words VALUES ('a'), ('b')")
    )
    family.migrator([SCHEMA, words], backup=False).migrate()
    error = caught(family.migrator([SCHEMA, words, Migration("003", "no", "DELETE FROM words")], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"words": (2, 0)}
    allowed = Migration("003", "no", "DELETE FROM words", allows_loss=("words",))
    family.migrator([SCHEMA, words, allowed], backup=False).migrate()


def test_a_plain_insert_that_replaces_by_the_word_of_its_table_is_seen(family: Database) -> None:
    strict = Migration(
        "002",
        "takes the last word",
        (
            "CREATE TABLE pages (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, name TEXT)",
            "CREATE TABLE lines (id INTEGER PRIMARY KEY, page INTEGER REFERENCES pages ON DELETE CASCADE)",
            "INSERT INTO pages VALUES (1, 'a'), (2, 'b')",
            "INSERT INTO lines VALUES (1, 1), (2, 2)",
        ),
    )
    again = Migration("003", "again", "INSERT INTO main.Pages VALUES (1, 'z')")
    error = caught(family.migrator([SCHEMA, strict, again], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"lines": (2, 1)}


def test_a_temporary_table_does_not_stand_in_for_the_one_of_its_name(family: Database, path: Path) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TEMP TABLE aside (x)")
        up = "DELETE FROM main.aside"
        error = caught(Migrator(client, [SCHEMA, Migration("002", "x", up)], backup=False).migrate)
        assert isinstance(error, DataLossError)
        client.execute("CREATE TEMP TABLE cascades (x)")
        up = "UPDATE main.cascades SET parent = 900"
        dangles = Migration("002", "x", up, foreign_keys=False)
        error = caught(Migrator(client, [SCHEMA, dangles], backup=False).migrate)
        assert isinstance(error, DanglingReferencesError)


def test_a_trigger_that_was_there_makes_an_insert_count(family: Database) -> None:
    trigger = Migration("002", "t", "CREATE TRIGGER t AFTER INSERT ON aside BEGIN DELETE FROM cascades; END")
    insert = Migration("003", "i", "INSERT INTO ASIDE VALUES (32, 'z')")
    error = caught(family.migrator([SCHEMA, trigger, insert], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"cascades": (3, 0)}


@pytest.mark.parametrize(
    ("kind", "up"),
    [
        ("fts5(x, content='')", ("DROP TABLE words", "CREATE VIRTUAL TABLE words USING fts5(x, content='')")),
        ("fts5(x, content='')", "INSERT INTO words (words) VALUES ('delete-all')"),
        ('fts5(x, content = "")', ("DROP TABLE words", "CREATE TABLE words (x)")),
        ("fts4(content='', x)", ("DROP TABLE words", "CREATE VIEW words AS SELECT 1 AS x")),
    ],
)
def test_a_full_text_index_without_contents_is_nowhere_else(family: Database, kind: str, up: Any) -> None:
    words = Migration(
        "002", "words", (f"CREATE VIRTUAL TABLE words USING {kind}", "INSERT INTO words (rowid, x) VALUES (1, 'a')")
    )
    error = caught(family.migrator([SCHEMA, words, Migration("003", "no", up)], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"words": (1, 0)}


def test_a_column_of_references_that_is_dropped_is_a_loss(family: Database) -> None:
    up = "ALTER TABLE forgets DROP COLUMN parent"
    error = caught(family.migrator([SCHEMA, Migration("002", "drops", up)], backup=False).migrate)
    assert isinstance(error, DataLossError)
    assert error.tables == {"forgets.parent": (2, 0)}


def test_what_only_creates_adds_renames_and_inserts_is_not_counted(family: Database, path: Path) -> None:
    harmless = Migration(
        "002",
        "harmless",
        (
            "create table more (id)",
            "INSERT INTO more VALUES (1)",
            "WITH x AS (SELECT 1) INSERT INTO more SELECT * FROM x",
            "ALTER TABLE more ADD COLUMN y",
            "ALTER TABLE more RENAME COLUMN y TO z",
            "SELECT count(*) FROM more",
        ),
    )
    with create_client_sync(path) as client:
        assert not run(client, can_lose(harmless.up))
        assert run(client, can_lose(("CREATE TABLE x (y)", "VACUUM")))
    with family.statements_sent() as sent:
        family.migrator([SCHEMA, harmless], backup=False).migrate()
    assert not [sql for sql in sent if "count(*)" in sql and "more" not in sql]


@pytest.mark.parametrize("outside", [True, False], ids=["of one migration", "of all"])
def test_outside_a_transaction_every_statement_is_guarded_by_itself(
    family: Database, path: Path, outside: bool
) -> None:
    up = ("UPDATE aside SET v = 'done'", "DELETE FROM parents", "VACUUM")
    one = Migration("002", "outside", up, use_transaction=not outside)
    error = caught(family.migrator([SCHEMA, one], backup=False).migrate, use_transaction=False)
    assert isinstance(error, DataLossError)
    assert (error.statement_number, error.statement) == (2, "DELETE FROM parents")
    assert rows(path, "SELECT count(*) FROM parents") == [(3,)]
    assert rows(path, "SELECT DISTINCT v FROM aside") == [("done",)]


def test_a_refusal_can_be_sent_to_another_process(family: Database) -> None:
    error = caught(family.migrator([SCHEMA, Migration("002", "x", "DELETE FROM aside")], backup=False).migrate)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.tables, twin.code) == (
        DataLossError,
        str(error),
        {"aside": (2, 0)},
        "data_loss",
    )


def test_foreign_keys_are_not_switched_by_a_statement_for_inside_a_transaction_nothing_happens(path: Path) -> None:
    for sql in ("PRAGMA foreign_keys=OFF", "pragma main.foreign_keys(0)"):
        assert caught(Migration, "001", "x", sql).code == "foreign_keys_stay_on"
        assert caught(Migration, "001", "x", "VACUUM", sql).code == "foreign_keys_stay_on"
    with outside(path) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("BEGIN")
        connection.execute("PRAGMA foreign_keys=OFF")
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA ignore_check_constraints = ON",
        "pragma main.writable_schema=1",
        "PRAGMA legacy_alter_table(1)",
        "PRAGMA /* = */ query_only = 1",
        "PRAGMA recursive_triggers -- on\n= ON",
    ],
)
def test_a_switch_that_would_stay_set_is_refused_and_to_read_it_is_not(sql: str) -> None:
    for part in ({"up": sql}, {"up": "SELECT 1", "down": ["SELECT 2", sql]}, {"up": sql, "use_transaction": False}):
        assert caught(Migration, "001", "x", **part).code == "session_pragma"
    Migration("001", "x", ["PRAGMA query_only", "PRAGMA user_version = 1", "PRAGMA quick_check(1)"])


@pytest.mark.parametrize("given", ["parents", ("",), (1,), 1, {"parents": True}, None], ids=repr)
def test_allows_loss_is_names_of_tables(given: Any) -> None:
    error = caught(Migration, "001", "x", "VACUUM", allows_loss=given)
    assert type(error) is InvalidMigrationError
    assert "allows_loss" in error.message


def test_what_may_be_lost_is_no_part_of_the_checksum() -> None:
    flags = {"allows_loss": ("a",), "foreign_keys": False, "backward_compatible": True}
    assert Migration("001", "x", "DELETE FROM a", **flags).checksum == Migration("001", "x", "DELETE FROM a").checksum


# -- rollbacks


def test_a_rollback_may_lose_what_its_down_names(family: Database, path: Path) -> None:
    family.migrator([SCHEMA]).rollback_last()
    assert applied_ids(path) == []


def test_a_rollback_may_lose_nothing_else(family: Database, path: Path) -> None:
    second = Migration("002", "x", "CREATE TABLE x (y)", ("DROP TABLE x", "DELETE FROM parents WHERE id = 1"))
    migrator = family.migrator([SCHEMA, second], backup=False)
    migrator.migrate()
    before = snapshot(path)
    error = caught(migrator.rollback_last)
    assert isinstance(error, DataLossError)
    assert error.tables == {"cascades": (3, 1), "forgets.parent": (2, 1)}
    assert snapshot(path) == before
    with create_client_sync(path) as client:
        run_unguarded(client, second.down, direction="down")
    assert rows(path, "SELECT count(*) FROM cascades") == [(1,)]


def test_consent_is_what_a_down_drops_deletes_updates_or_replaces() -> None:
    downs = (
        "DROP TABLE a",
        "DELETE FROM b",
        "UPDATE c SET x = 1",
        "REPLACE INTO d VALUES (1)",
        "ALTER TABLE e DROP COLUMN f",
        "UPDATE OR REPLACE k SET x = 1",
    )
    assert consent_of((*downs, "DROP INDEX i", "INSERT INTO g VALUES (1)", "CREATE TABLE h (x)")) == {
        *("a", "b", "c.*", "d", "e.*", "k"),
    }


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "NO ACTION"])
def test_a_host_that_holds_rows_under_a_table_that_a_down_drops_is_told(
    family: Database, path: Path, action: str
) -> None:
    host = Migration(
        "001",
        "host",
        (
            f"CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, parent REFERENCES parents ON DELETE {action})",
            "INSERT INTO bookmarks VALUES (1, 1), (2, 2), (3, NULL)",
        ),
        "DROP TABLE bookmarks",
    )
    hosts = family.migrator([host], table="host_migrations", backup=False)
    hosts.migrate()
    before = snapshot(path)
    error = caught(family.migrator([SCHEMA]).rollback_last)
    assert type(error) is DependentRowsError
    assert error.tables == {"bookmarks": (2, 0)}
    assert "parents" in error.message
    assert "bookmarks (2)" in error.message
    assert snapshot(path) == before
    hosts.rollback_last()
    family.migrator([SCHEMA]).rollback_last()


def child_of(path: Path) -> Migration:
    return Migration(
        "002",
        "a column that refers",
        (
            "CREATE TABLE q (id INTEGER PRIMARY KEY)",
            "INSERT INTO q VALUES (1)",
            "ALTER TABLE aside ADD COLUMN q INTEGER REFERENCES q (id) ON DELETE CASCADE",
            "UPDATE aside SET q = 1",
        ),
        ("UPDATE aside SET v = v", "DROP TABLE q"),
    )


def test_a_down_that_updates_a_child_has_not_looked_after_it(family: Database, path: Path) -> None:
    migrator = family.migrator([SCHEMA, child_of(path)], backup=False)
    migrator.migrate()
    error = caught(migrator.rollback_last)
    assert type(error) is DependentRowsError
    assert error.tables == {"aside": (2, 0)}
    assert rows(path, "SELECT count(*) FROM aside") == [(2,)]
    with create_client_sync(path) as client:
        run_unguarded(client, child_of(path).down, direction="down")
    assert rows(path, "SELECT count(*) FROM aside") == [(0,)]


def test_a_down_that_takes_the_reference_away_has(family: Database, path: Path) -> None:
    second = child_of(path)
    for down in (("UPDATE aside SET q = NULL", "DROP TABLE q"), ("ALTER TABLE aside DROP COLUMN q", "DROP TABLE q")):
        migrator = family.migrator([SCHEMA, Migration("002", "q", second.up, down)], backup=False)
        migrator.migrate()
        migrator.rollback_last()
        with outside(path) as connection:
            connection.execute("UPDATE aside SET v = v")
            if "UPDATE" in down[0]:
                connection.execute("ALTER TABLE aside DROP COLUMN q")
    assert rows(path, "SELECT count(*) FROM aside") == [(2,)]


def test_a_host_is_told_also_where_a_down_renames_before_it_drops(family: Database, path: Path) -> None:
    up = ("CREATE TABLE p (id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1)")
    down = ("ALTER TABLE p RENAME TO old_p", "DROP TABLE old_p")
    migrator = family.migrator([SCHEMA, Migration("002", "p", up, down)], backup=False)
    migrator.migrate()
    with outside(path) as connection:
        connection.execute("CREATE TABLE marks (p REFERENCES p ON DELETE CASCADE)")
        connection.execute("INSERT INTO marks VALUES (1)")
    error = caught(migrator.rollback_last)
    assert type(error) is DependentRowsError
    assert error.tables == {"marks": (1, 0)}
    with outside(path) as connection:
        connection.execute("DELETE FROM marks")
    migrator.rollback_last()  # what it drops under its new name it may lose


LOOKED_AFTER = {
    "RebuildTable": (RebuildTable("child", "CREATE TABLE child (id INTEGER PRIMARY KEY)"),),
    "a rebuild under another name": (
        "ALTER TABLE child RENAME TO kid",
        RebuildTable("kid", "CREATE TABLE kid (id INTEGER PRIMARY KEY)"),
        "ALTER TABLE kid RENAME TO child",
    ),
    "a rebuild by hand": (
        "CREATE TABLE child_new (id INTEGER PRIMARY KEY)",
        "INSERT INTO child_new SELECT id FROM child",
        "DROP TABLE child",
        "ALTER TABLE child_new RENAME TO child",
    ),
    "a rebuild by hand that renames first": (
        "ALTER TABLE child RENAME TO child_old",
        "CREATE TABLE child (id INTEGER PRIMARY KEY)",
        "INSERT INTO child SELECT id FROM child_old",
        "DROP TABLE child_old",
    ),
    "an update under another name": ("ALTER TABLE child RENAME TO kid", "UPDATE kid SET q = NULL"),
    "names that are swapped": (
        "ALTER TABLE child RENAME TO x",
        "ALTER TABLE x RENAME TO y",
        "ALTER TABLE y DROP COLUMN q",
        "ALTER TABLE y RENAME TO child",
    ),
}


def grown(down: Any) -> Migration:
    return Migration(
        "002",
        "a parent",
        (
            "CREATE TABLE q (id INTEGER PRIMARY KEY)",
            "INSERT INTO q VALUES (1)",
            "CREATE TABLE child (id INTEGER PRIMARY KEY, q REFERENCES q ON DELETE CASCADE)",
            "INSERT INTO child VALUES (1, 1), (2, 1), (3, NULL)",
        ),
        (*down, "DROP TABLE q"),
    )


@pytest.mark.parametrize("down", LOOKED_AFTER.values(), ids=LOOKED_AFTER)
def test_a_down_may_look_after_a_child_by_a_rebuild_or_under_another_name(
    family: Database, path: Path, down: Any
) -> None:
    migrator = family.migrator([SCHEMA, grown(down)], backup=False)
    migrator.migrate()
    migrator.rollback_last()
    name = "kid" if "update" in str(down).lower() else "child"
    assert rows(path, f"SELECT count(*) FROM {name}") == [(3,)]


@pytest.mark.parametrize(
    "down",
    [
        (RebuildTable("child", "CREATE TABLE child (id INTEGER PRIMARY KEY, q REFERENCES q ON DELETE CASCADE)"),),
        ("ALTER TABLE child RENAME TO kid", "UPDATE kid SET id = id + 10"),
        ("ALTER TABLE child RENAME TO kid", "ALTER TABLE kid RENAME TO child"),
    ],
)
@pytest.mark.parametrize("use_transaction", [True, False])
def test_a_child_that_still_refers_after_all_that_is_seen_at_the_drop(
    family: Database, path: Path, down: Any, use_transaction: bool
) -> None:
    if not use_transaction and not isinstance(down[0], str):
        return  # a rebuild has a transaction always
    second = grown(down)
    second = Migration("002", "a parent", second.up, second.down, use_transaction=use_transaction)
    migrator = family.migrator([SCHEMA, second], backup=False)
    migrator.migrate()
    error = caught(migrator.rollback_last)
    assert type(error) is DependentRowsError
    assert list(error.tables.values()) == [(2, 0)]
    with outside(path) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert connection.execute(f"SELECT count(*) FROM {(tables & {'kid', 'child'}).pop()}").fetchall() == [(3,)]


def test_what_may_be_lost_may_be_named_as_it_is_called_then(family: Database, path: Path) -> None:
    up = ("ALTER TABLE aside RENAME TO elsewhere", "DELETE FROM elsewhere")
    second = Migration("002", "x", up, allows_loss=("elsewhere",))
    assert len(family.migrator([SCHEMA, second], backup=False).migrate()) == 1


# -- without foreign keys


def test_a_rebuild_by_hand_without_foreign_keys_keeps_the_children(family: Database, path: Path) -> None:
    before = snapshot(path, without=("parents",))
    family.migrator([SCHEMA, Migration("002", "rebuild", REBUILD_BY_HAND, foreign_keys=False)], backup=False).migrate()
    after = snapshot(path, without=("parents",))
    assert {name: after[name] for name in ("cascades", "forgets", "aside")} == {
        name: before[name] for name in ("cascades", "forgets", "aside")
    }
    assert rows(path, "SELECT foreign_keys FROM migrations ORDER BY id") == [(1,), (0,)]
    assert family.execute("PRAGMA foreign_keys") == [(1,)]


def test_a_reference_that_would_dangle_rolls_back_and_names_the_tables(family: Database, path: Path) -> None:
    up = ("CREATE TABLE other (id INTEGER PRIMARY KEY)", "UPDATE parents SET id = id + 100")
    before = snapshot(path)
    error = caught(family.migrator([SCHEMA, Migration("002", "x", up, foreign_keys=False)], backup=False).migrate)
    assert type(error) is DanglingReferencesError
    assert error.tables == {"cascades": (0, 3), "forgets": (0, 2)}
    assert "cascades -> parents (parent)" in error.message
    assert snapshot(path) == before
    assert family.execute("PRAGMA foreign_keys") == [(1,)]
    with create_client_sync(path) as client:
        run_unguarded(client, up, foreign_keys=False)
    assert len(rows(path, "PRAGMA foreign_key_check")) == 5


OLD_VIOLATIONS = ("INSERT INTO cascades VALUES (90, 900)", "INSERT INTO forgets VALUES (91, 901)")


def test_an_old_violation_is_not_this_migrations_fault(family: Database, path: Path) -> None:
    with create_client_sync(path) as client:
        run_unguarded(client, OLD_VIOLATIONS, foreign_keys=False)
    rebuild = (
        "CREATE TABLE new (more, id INTEGER, parent NOT NULL REFERENCES parents ON DELETE CASCADE)",
        "INSERT INTO new SELECT 1, id, parent FROM cascades ORDER BY id DESC",  # with other rowids
        "DROP TABLE cascades",
        "ALTER TABLE new RENAME TO cascades",
    )
    family.migrator([SCHEMA, Migration("002", "x", rebuild, foreign_keys=False)], backup=False).migrate()
    assert len(rows(path, "PRAGMA foreign_key_check")) == 2


@pytest.mark.parametrize(
    "up",
    [
        ("ALTER TABLE parents RENAME TO people", "ALTER TABLE cascades RENAME TO kids"),
        ("ALTER TABLE cascades RENAME COLUMN parent TO mother",),
        (
            "CREATE TABLE new (id INTEGER PRIMARY KEY, parent TEXT NOT NULL REFERENCES parents ON DELETE CASCADE)",
            "INSERT INTO new SELECT id, CAST(parent AS TEXT) FROM cascades",
            "DROP TABLE cascades",
            "ALTER TABLE new RENAME TO cascades",
        ),
        (
            "CREATE TABLE new (id INTEGER PRIMARY KEY, parent REAL NOT NULL REFERENCES parents ON DELETE CASCADE)",
            "INSERT INTO new SELECT id, parent FROM cascades",
            "DROP TABLE cascades",
            "ALTER TABLE new RENAME TO cascades",
        ),
    ],
    ids=["tables renamed", "a column renamed", "another type", "a number of another kind"],
)
def test_an_old_violation_stays_old_under_another_name_and_type(family: Database, path: Path, up: Any) -> None:
    with create_client_sync(path) as client:
        run_unguarded(client, OLD_VIOLATIONS, foreign_keys=False)
    family.migrator([SCHEMA, Migration("002", "x", up, foreign_keys=False)], backup=False).migrate()
    assert len(rows(path, "PRAGMA foreign_key_check")) == 2


@pytest.mark.parametrize(
    "child",
    [
        "k TEXT PRIMARY KEY, parent REFERENCES parents) WITHOUT ROWID",
        "rowid TEXT, _rowid_ TEXT, oid TEXT, parent REFERENCES parents)",
        "k TEXT, parent REFERENCES parents, v REFERENCES nowhere, PRIMARY KEY (k, parent)) WITHOUT ROWID",
    ],
)
def test_references_of_a_table_without_a_rowid_are_told_apart_by_their_values(
    family: Database, path: Path, child: str
) -> None:
    with create_client_sync(path) as client:
        setup = (f"CREATE TABLE odd ({child}", "INSERT INTO odd (parent, 'rowid') SELECT 900, 'a'")
        if "WITHOUT" in child:
            setup = (setup[0], "INSERT INTO odd (k, parent) VALUES ('a', 900)")
        run_unguarded(client, setup, foreign_keys=False)
    mended = Migration("002", "x", ("UPDATE odd SET parent = 901",), foreign_keys=False)
    error = caught(family.migrator([SCHEMA, mended], backup=False).migrate)
    assert isinstance(error, DanglingReferencesError)
    assert error.tables == {"odd": (1, 1)}
    harmless = Migration("002", "x", ("DELETE FROM aside WHERE id = 99",), foreign_keys=False)
    family.migrator([SCHEMA, harmless], backup=False).migrate()


def test_one_violation_mended_does_not_pay_for_a_new_one(family: Database, path: Path) -> None:
    with create_client_sync(path) as client:
        run_unguarded(client, OLD_VIOLATIONS, foreign_keys=False)
    up = (
        "UPDATE cascades SET parent = 1 WHERE id = 90",
        "UPDATE cascades SET parent = 900 WHERE id = 10",
        "UPDATE cascades SET parent = 902 WHERE id = 11",
        "UPDATE cascades SET parent = 900 WHERE id = 10",
    )
    error = caught(family.migrator([SCHEMA, Migration("002", "x", up, foreign_keys=False)], backup=False).migrate)
    assert isinstance(error, DanglingReferencesError)
    assert error.tables == {"cascades": (1, 2)}


def test_a_reference_that_cannot_be_checked_any_more_is_new(family: Database) -> None:
    up = ("CREATE TABLE odd (x)", "CREATE TABLE child (x REFERENCES odd (x))")
    without = Migration("002", "x", up, foreign_keys=False)
    error = caught(family.migrator([SCHEMA, without], backup=False).migrate)
    assert isinstance(error, DanglingReferencesError)
    assert "child (cannot be checked)" in error.message


def test_a_rollback_obeys_the_flag_that_was_recorded(family: Database, path: Path) -> None:
    down = (
        "CREATE TABLE old (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO old SELECT * FROM parents",
        "DROP TABLE parents",
        "ALTER TABLE old RENAME TO parents",
    )
    second = Migration("002", "rebuild", REBUILD_BY_HAND, down, foreign_keys=False)
    family.migrator([SCHEMA, second], backup=False).migrate()
    assert len(family.migrator([SCHEMA]).rollback_last().statements) == 4  # a build that has never heard of 002
    assert rows(path, "SELECT count(*) FROM cascades") == [(3,)]
    # The same, had the flag been forgotten: the guard is left.
    family.migrator([SCHEMA, second], backup=False).migrate()
    family.execute("UPDATE migrations SET foreign_keys = 1 WHERE id = '002'")
    error = caught(family.migrator([SCHEMA]).rollback_last)
    assert isinstance(error, DataLossError)


def test_without_foreign_keys_there_is_always_a_transaction(family: Database, path: Path) -> None:
    error = caught(Migration, "002", "x", "VACUUM", use_transaction=False, foreign_keys=False)
    assert type(error) is InvalidMigrationError
    failing = Migration("002", "x", ("DELETE FROM aside", "SELECT nothing"), foreign_keys=False, allows_loss=("aside",))
    caught(family.migrator([SCHEMA, failing], backup=False).migrate, use_transaction=False)
    assert rows(path, "SELECT count(*) FROM aside") == [(2,)]
