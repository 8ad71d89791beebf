"""Canonical text and checksum: blind to BOM, line ends and trailing blanks, and to nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, ask, caught, make
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentdb import Migration
from agentdb.engine.canonical_text import canonical
from agentdb.engine.migration import _is_plain_trigger
from agentdb.errors import InvalidMigrationError
from agentdb.migrations import MIGRATIONS
from agentdb.sql.lexer import count, has_stray_end

LAW = settings(deadline=None, max_examples=150)

#: Statements as people write them: keywords, names, strings, comments, blank lines, letters of the whole world.
WORDS = ["a", "t", "x,", "(", ")", "''", "'é'", '"q"', "\\", "\\n", "-- note", "/* why */", "DEFAULT", "1.5"]
ODDITIES = [
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\x0b",
    "\x0c",
    "\u00a0",
    "\u2028",
    "\x85",
    "\x7f",
    "\x01",
    "🙂",
    "\u0661",
    "\ufeff",
]
PIECES = st.sampled_from([*WORDS, *ODDITIES])
SQL = st.lists(PIECES, max_size=14).map("".join).map(lambda text: "CREATE TABLE " + text)
#: Any text that can stand in a UTF-8 file, for the function alone.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | SQL
BLANKS = st.text(" \t", max_size=3)


@st.composite
def decorated(draw: st.DrawFn, text: str) -> str:
    """The same text as another editor, another checkout or another linter would leave it."""
    # A lone CR before a lone LF would be one line end, so those two are not mixed.
    ends = st.sampled_from(draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]])))
    parts = []
    for line in canonical(text).split("\n"):
        parts += [line, draw(BLANKS), draw(ends)]
    parts.pop()
    tail = draw(st.lists(st.tuples(BLANKS, ends).map("".join), max_size=3))
    return draw(st.sampled_from(["", "\ufeff"])) + "".join(parts) + "".join(tail) + draw(BLANKS)


def migration(up: Any, id: str = "1") -> Migration:
    try:
        return Migration(id, "d", up)
    except InvalidMigrationError:
        assume(False)
        raise


def independent_checksum(id: str, up: list[str]) -> str:
    """The checksum by the words of the design, without a line of the engine."""
    texts = []
    for text in up:
        lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
        texts.append(re.sub(r"[ \t\n]+\Z", "", "\n".join(re.sub(r"[ \t]+\Z", "", line) for line in lines)))
    document = {"up": texts, "id": str(int(id))}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return "v1:" + hashlib.sha256(text.encode()).hexdigest()


@LAW
@given(TEXT)
def test_canonical_text_stays_as_it_is(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@LAW
@given(st.data(), TEXT)
def test_decoration_does_not_change_the_canonical_text(data: st.DataObject, text: str) -> None:
    assert canonical(data.draw(decorated(text))) == canonical(text)


@LAW
@given(TEXT)
def test_only_decoration_is_dropped(text: str) -> None:
    def skeleton(text: str) -> str:
        return re.sub(r"[\r\n \t]", "", text.lstrip("\ufeff"))

    assert skeleton(canonical(text)) == skeleton(text)
    assert "\r" not in canonical(text)
    assert not re.search(r"[ \t]$", canonical(text), re.MULTILINE)


@LAW
@given(st.data(), st.lists(SQL, min_size=1, max_size=3))
def test_the_checksum_ignores_bom_line_ends_and_trailing_blanks(data: st.DataObject, up: list[str]) -> None:
    one = migration(up)
    other = Migration("1", "d", [data.draw(decorated(sql)) for sql in up])
    assert other.checksum == one.checksum
    assert other.up == one.up == tuple(canonical(sql) for sql in up)


@LAW
@given(st.data(), SQL)
def test_the_checksum_ignores_nothing_else(data: st.DataObject, sql: str) -> None:
    one = migration(sql)
    text = one.up[0]
    at = data.draw(st.integers(0, len(text)), label="at")
    edit = data.draw(st.sampled_from(["insert", "delete", "replace", "swap case"]), label="edit")
    new = data.draw(st.sampled_from([" ", "\t", "\n", "x", "É", "'", "--", "/**/", "\ufeff", "\x0b", ","]), label="new")
    edited = {
        "insert": text[:at] + new + text[at:],
        "delete": text[:at] + text[at + 1 :],
        "replace": text[:at] + new + text[at + 1 :],
        "swap case": text[:at] + text[at:].swapcase(),
    }[edit]
    # What is left of the difference when BOM, line ends and trailing blanks are taken away by other means than ours.
    lines = [line.rstrip(" \t") for line in re.split(r"\r\n|\r|\n", edited.lstrip("\ufeff"))]
    differs = "\n".join(lines).rstrip(" \t\n") != text
    other = migration(edited)
    assert (other.checksum != one.checksum) == differs


@LAW
@given(st.lists(SQL, min_size=1, max_size=3), st.integers(0, 10**32 - 1))
def test_the_checksum_can_be_computed_with_hashlib_and_json(up: list[str], number: int) -> None:
    assert migration(up, str(number)).checksum == independent_checksum(str(number), up)


@pytest.mark.parametrize("code", range(1, 0x30))
def test_every_control_character_is_hashed_as_json_writes_it(code: int) -> None:
    sql = f"INSERT INTO t VALUES ('a{chr(code)}b\\\"')"
    if chr(code) == "'":
        sql = sql.replace("'b", "''b")
    migration = Migration("1", "d", sql)
    assert migration.checksum == independent_checksum("1", [sql])


def test_the_checksum_is_this_one_for_ever() -> None:
    # Databases in the field hold it: a change of the algorithm needs another tag than v1.
    assert Migration("001", "any", "CREATE TABLE t (x)").checksum == (
        "v1:" + hashlib.sha256(b'{"id":"1","up":["CREATE TABLE t (x)"]}').hexdigest()
    )


def test_the_checksum_is_about_id_and_up_and_nothing_else() -> None:
    one = Migration("1", "d", ["CREATE TABLE t (x)", "CREATE TABLE u (x)"], "DROP TABLE t")
    same = [
        Migration("001", "d", one.up),
        Migration("1", "another description", one.up),
        Migration("1", "d", one.up, "DROP TABLE u"),
        Migration("1", "d", one.up, created_at="2026"),
        Migration("1", "d", one.up, use_transaction=False),
    ]
    assert {migration.checksum for migration in same} == {one.checksum}
    different = [
        Migration("2", "d", one.up),
        Migration("10", "d", one.up),
        Migration("1", "d", tuple(reversed(one.up))),
        Migration("1", "d", one.up[0]),
        Migration("1", "d", [*one.up, "SELECT 1"]),
        Migration("1", "d", ["CREATE TABLE t (x) -- note", one.up[1]]),
        Migration("1", "d", ["CREATE TABLE t (x);", one.up[1]]),
        Migration("1", "d", [" CREATE TABLE t (x)", one.up[1]]),
        Migration("1", "d", ["create table t (x)", one.up[1]]),
    ]
    assert len({one.checksum, *(migration.checksum for migration in different)}) == 10


def test_where_one_statement_ends_cannot_be_shifted_without_changing_the_checksum() -> None:
    assert Migration("1", "d", ['SELECT "a', 'b"']).checksum != Migration("1", "d", ['SELECT "a","b"']).checksum


UGLY = "\ufeffCREATE TABLE t (  \r\n  -- kept\t\r\n  x DEFAULT 'two  \r\nlines'\t \r) \n\n"
CLEAN = "CREATE TABLE t (\n  -- kept\n  x DEFAULT 'two\nlines'\n)"


def test_the_canonical_text_is_what_is_executed_recorded_and_hashed(
    open_database: Callable[..., Database], path: Path
) -> None:
    ugly = make(1, up=UGLY, down="\ufeffDROP TABLE t  \r\n")
    db = open_database()
    (result,) = db.migrator([ugly]).migrate()
    assert ugly.up == result.statements == (CLEAN,)
    ((up, down, checksum),) = ask(path, "SELECT up, down, checksum FROM migrations")
    assert (json.loads(up), json.loads(down)) == ([CLEAN], ["DROP TABLE t"])
    assert checksum == ugly.checksum == independent_checksum("1", [CLEAN])
    ((schema,),) = ask(path, "SELECT sql FROM sqlite_master WHERE name = 't'")
    assert schema == CLEAN
    assert ask(path, "INSERT INTO t DEFAULT VALUES RETURNING x") == [("two\nlines",)]


def test_a_checkout_with_other_line_ends_has_nothing_to_migrate(open_database: Callable[..., Database]) -> None:
    db = open_database()
    db.migrator([make(1, up=UGLY)]).migrate()
    for text in (CLEAN, CLEAN.replace("\n", "\r\n"), "\ufeff" + CLEAN + "\n"):
        migrator = db.migrator([make(1, up=text)])
        assert migrator.migrate() == []
        assert migrator.validate_migrations().is_valid


@pytest.mark.parametrize("edited", [CLEAN.replace("-- kept", "-- Kept"), CLEAN + ";", " " + CLEAN])
def test_any_other_edit_is_a_checksum_mismatch(open_database: Callable[..., Database], edited: str) -> None:
    db = open_database()
    db.migrator([make(1, up=UGLY)]).migrate()
    assert caught(db.migrator([make(1, up=edited)]).migrate).code == "checksum_mismatch"


PIECES = st.sampled_from(
    [
        "\nBEGIN\n  ",
        "SELECT 1",
        ";",
        " ; ",
        ";\n",
        "\nEND",
        "END",
        "end",
        " ENDED ",
        " x ",
        "'",
        "-- c\n",
        "/* c */",
        "CASE 1 ",
    ]
)


@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_trigger_that_is_taken_for_one_at_a_glance_is_one_statement_and_nothing_behind_it(middle: str) -> None:
    sql = f"CREATE TRIGGER t AFTER INSERT ON t{middle};\nEND"
    if _is_plain_trigger(sql):
        assert count(sql) == 1
        assert not has_stray_end(sql)


def test_the_triggers_that_are_built_in_are_taken_at_a_glance_and_none_that_goes_on() -> None:
    triggers = [sql for migration in MIGRATIONS for sql in migration.up if sql.startswith("CREATE TRIGGER ")]
    assert len(triggers) >= 9
    assert all(_is_plain_trigger(sql) for sql in triggers)
    for sql in triggers:
        assert not _is_plain_trigger(f"{sql}; DROP TABLE t;\nEND")
        assert not _is_plain_trigger(f"{sql}; DROP TABLE t")
