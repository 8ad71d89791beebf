"""Full-text tables and R-trees with rows of their own are filled; those that show the rows of others are left to these."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from populate_harness import count, filled

from agentdb import Migration, create_client_sync, validate_migrations
from agentdb.clients.local.sync_client import LocalClient


@pytest.fixture
def client() -> Iterator[LocalClient]:
    with create_client_sync(":memory:") as opened:
        yield opened


@pytest.mark.parametrize(
    "module",
    [
        "fts5 (x, y UNINDEXED, tokenize = 'porter')",
        "fts5 (x, content='')",
        "fts4 (x, y, languageid='lid')",
        'fts4 (x, tokenize=unicode61 "remove_diacritics=0")',
        "fts3 ()",
        "rtree (id, low, high)",
        "rtree (id, x0, x1, y0, y1, +label TEXT, +more)",
        "rtree_i32 (id, x0, x1, y0, y1)",
    ],
)
def test_a_virtual_table_with_rows_of_its_own(client: LocalClient, module: str) -> None:
    populator = filled(client, f'CREATE VIRTUAL TABLE "using" USING {module}')
    assert populator.warnings == []
    assert count(client, '"using"') == 3


def test_full_text_without_content_that_cannot_be_counted(client: LocalClient) -> None:
    populator = filled(client, "CREATE VIRTUAL TABLE f USING fts4 (content='', x)")
    assert populator.warnings == []
    assert count(client, "f_docsize") == 3


@pytest.mark.parametrize(
    "module", ["fts5 (x, content='t', content_rowid='id')", 'fts4 (content="t", x)', "fts5vocab ('w', 'row')"]
)
def test_a_virtual_table_that_shows_the_rows_of_another_is_left_to_it(client: LocalClient, module: str) -> None:
    filled(
        client,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)",
        "CREATE VIRTUAL TABLE w USING fts5 (x)",
        f"CREATE VIRTUAL TABLE f USING {module}",
    )
    assert not [name for name in ("f_docsize",) if _exists(client, name) and count(client, name)]


def _exists(client: LocalClient, table: str) -> bool:
    return bool(client.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).tuples)


def test_what_the_triggers_of_others_fill_is_left_to_them(client: LocalClient) -> None:
    filled(
        client,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT NOT NULL)",
        "CREATE VIRTUAL TABLE f USING fts5 (x)",
        "CREATE TRIGGER found AFTER INSERT ON t BEGIN INSERT INTO f (rowid, x) VALUES (NEW.id, NEW.x); END",
    )
    assert client.execute("SELECT rowid, x FROM f").tuples == client.execute("SELECT id, x FROM t").tuples


def test_a_full_text_table_that_loses_its_rows_is_seen() -> None:
    first = Migration("001", "search", "CREATE VIRTUAL TABLE f USING fts5 (x)", "DROP TABLE f")
    anew = ("DROP TABLE f", "CREATE VIRTUAL TABLE f USING fts5 (x, y)")
    (finding,) = validate_migrations([first, Migration("002", "anew", anew, "SELECT 1")]).errors
    assert (finding.code, finding.migration_id) == ("data_loss", "002")
    assert "f 3 -> 0" in finding.message


def test_fixtures_of_a_virtual_table(client: LocalClient) -> None:
    populator = filled(
        client, "CREATE VIRTUAL TABLE f USING fts5 (x)", fixtures={"F": [{"rowid": 4, "x": "words", "y": "of later"}]}
    )
    assert (populator.errors, populator.unused()) == ([], [])
    assert client.execute("SELECT rowid, x FROM f").tuples == [(4, "words")]
