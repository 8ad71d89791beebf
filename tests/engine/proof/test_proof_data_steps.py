"""The proof runs Python steps and Backfills on generated rows like any other statement."""

from __future__ import annotations

from agentdb import Backfill, Migration, PythonStep, validate_migrations
from agentdb.engine.results import ValidationResult
from agentdb.operations import Steps, batch, execute

SCHEMA = Migration(
    "001",
    "notes",
    ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, n INTEGER CHECK (n < 100)) STRICT",),
    "DROP TABLE notes",
)


def errors(result: ValidationResult) -> list[tuple[str, str | None]]:
    return [(finding.code, finding.migration_id) for finding in result.errors]


def proved(*up: object, down: object = "SELECT 1", every_version: bool = True) -> ValidationResult:
    return validate_migrations([SCHEMA, Migration("002", "m", up, down)], every_version=every_version)  # type: ignore[arg-type]


def test_good_ones_are_proved() -> None:
    def trim() -> Steps[None]:
        for id, text in (yield from execute("SELECT id, text FROM notes")).tuples:
            yield from execute("UPDATE notes SET text = ? WHERE id = ?", ((text or "").strip(), id))

    assert errors(proved(PythonStep("trim", trim), down=PythonStep("again", trim))) == []
    assert errors(proved(Backfill("notes", "text = coalesce(text, '')", batch=1))) == []


def test_a_step_that_fails_on_rows_alone_is_found() -> None:
    def shout() -> Steps[None]:
        for (text,) in (yield from execute("SELECT text FROM notes")).tuples:
            yield from execute("SELECT ?", (int(text),))

    result = proved(PythonStep("shout", shout))
    assert errors(result) == [("populated_up_failed", "002")]
    assert "(Python step 'shout', version 1): it raised " in result.errors[0].message
    down = proved("CREATE TABLE more (x)", down=(PythonStep("shout", shout), "DROP TABLE more"))
    assert errors(down) == [("populated_down_failed", "002")]


def test_a_backfill_that_fails_on_rows_alone_is_found() -> None:
    result = proved(Backfill("notes", "n = 1000", batch=2))
    assert errors(result) == [("populated_up_failed", "002")]
    assert "CHECK constraint failed" in result.errors[0].message


def test_a_wrong_body_and_a_wrong_column_are_found_on_empty_tables() -> None:
    assert errors(proved(PythonStep("bad", lambda: (yield "SELECT 1")))) == [("up_failed", "002")]
    assert errors(proved(Backfill("notes", "missing = 1"))) == [("up_failed", "002")]


def test_rows_that_a_step_loses_are_found() -> None:
    def lose() -> Steps[None]:
        yield from execute("DELETE FROM notes")

    assert errors(proved(PythonStep("lose", lose))) == [("data_loss", "002")]


def test_a_table_that_a_step_renames_keeps_its_rows_and_one_that_it_drops_does_not() -> None:
    def rename() -> Steps[None]:
        yield from batch(["SELECT 1", "ALTER TABLE notes RENAME TO pages"])

    def drop() -> Steps[None]:
        yield from execute("DROP TABLE notes")

    renamed = proved(PythonStep("rename", rename), down="ALTER TABLE pages RENAME TO notes")
    assert errors(renamed) == []
    dropped = proved(PythonStep("drop", drop), down=SCHEMA.up)
    assert errors(dropped) == [("data_loss", "002")]
