"""Any sequence of registering, migrating, rolling back, editing and reopening, against a model in plain Python."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine_harness import Database, ask, hand_made_row, outside
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agentdb import Migration, MigrationResult, MigrationSummary
from agentdb.errors import (
    AgentDBError,
    DatabaseTooNewError,
    InvalidArgumentError,
    InvalidMigrationError,
    MigrationError,
)

NUMBERS = st.integers(1, 6)
DOWNS = st.sampled_from(["drop", "two steps", "missing", "broken"])
#: How an id is written. One number is one migration, however it is spelled.
SPELLINGS = st.sampled_from(["{}", "0{}", "00{}"])


@dataclass(frozen=True)
class Written:
    """A migration as somebody wrote it: which table it makes, and how it takes that back."""

    number: int
    id: str
    version: int = 1  # of the SQL; another version makes another table
    wording: int = 1  # of the description
    down: str = "drop"  # or "two steps", "missing", "broken"
    breaks: bool = False  # whether its second statement fails

    @property
    def table(self) -> str:
        return f"t{self.number}_{self.version}"

    @property
    def up(self) -> tuple[str, ...]:
        second = "INSERT INTO nowhere VALUES (1)" if self.breaks else f"INSERT INTO {self.table} VALUES (1)"
        return (f"CREATE TABLE {self.table} (x)", second)

    @property
    def downs(self) -> tuple[str, ...]:
        return {
            "drop": (f"DROP TABLE {self.table}",),
            "two steps": (f"DELETE FROM {self.table}", f"DROP TABLE {self.table}"),
            "missing": (),
            "broken": (f"DROP TABLE {self.table}", "DROP TABLE nowhere"),
        }[self.down]

    @property
    def migration(self) -> Migration:
        return Migration(self.id, f"wording {self.wording}", self.up, self.downs)

    @property
    def text(self) -> object:
        """What the checksum is about."""
        return (self.number, self.up)


@dataclass(frozen=True)
class Recorded:
    """A row of the tracking table; `written` is None where it was put in by hand."""

    id: str
    written: Written | None
    after: tuple[int, int] = (0, 0)  # the newest that was there and the how-manieth behind it, where out of order

    @property
    def order(self) -> tuple[int, ...]:
        return (*self.after, int(self.id)) if self.after[1] else (int(self.id), 0, int(self.id))


@dataclass
class Model:
    """What a database holds and what a build has registered, and what each call must do to them."""

    rows: dict[str, Recorded] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    build: dict[int, Written] = field(default_factory=dict)
    allow_out_of_order: bool = False

    def numbers(self) -> set[int]:
        return {int(id) for id in self.rows}

    def duplicates(self) -> bool:
        return len(self.numbers()) < len(self.rows)

    def unknown(self) -> set[int]:
        return self.numbers() - set(self.build)

    def mismatched(self) -> set[int]:
        return {
            int(row.id)
            for row in self.rows.values()
            if row.written and int(row.id) in self.build and row.written.text != self.build[int(row.id)].text
        }

    def is_of_another_set(self) -> bool:
        """Whether nothing that is applied is registered: neither by its text nor by its description, and none by hand."""
        return bool(self.build and self.rows) and not any(
            row.written is None
            or (
                int(row.id) in self.build
                and (
                    row.written.text == self.build[int(row.id)].text
                    or row.written.wording == self.build[int(row.id)].wording
                )
            )
            for row in self.rows.values()
        )

    def pending(self) -> list[Written]:
        return [self.build[number] for number in sorted(set(self.build) - self.numbers())]

    def late(self) -> set[int]:
        newest = max(self.numbers(), default=-1)
        return {one.number for one in self.pending() if one.number < newest} if not self.allow_out_of_order else set()

    def refusal(self, checksums: bool) -> str | None:
        """The code that migrate() must raise before it runs anything, if any."""
        if self.duplicates():
            return "duplicate_in_table"
        if self.is_of_another_set() and (self.unknown() or self.late() or (checksums and self.mismatched())):
            return "wrong_migration_set"
        if self.unknown():
            return "unknown_migration"
        if checksums and self.mismatched():
            return "checksum_mismatch"
        return "out_of_order" if self.late() else None

    def codes(self) -> set[str]:
        """The codes of all errors that validation must find."""
        found = {"unknown_migration"} if self.unknown() else set()
        found |= {"checksum_mismatch"} if self.mismatched() else set()
        return found | ({"out_of_order"} if self.late() else set())

    def run(self, statements: tuple[str, ...]) -> int | None:
        """Run statements on the tables, all or none; returns the number of the one that fails."""
        tables = set(self.tables)
        for number, sql in enumerate(statements, 1):
            words = sql.split()
            name = words[2]
            if (words[0] == "CREATE") == (name in tables):
                return number
            tables = tables | {name} if words[0] == "CREATE" else tables - {name} if words[0] == "DROP" else tables
        self.tables = tables
        return None

    def reversals(self) -> list[tuple[Recorded, Migration | None, tuple[str, ...]]]:
        """The rows, what was applied last first, each with the migration of this build that it is, and the statements to run."""
        plan = []
        for row in sorted(self.rows.values(), key=lambda row: row.order, reverse=True):
            here = self.build.get(int(row.id))
            if here and (row.written is None or row.written.text == here.text):
                plan.append((row, here.migration, here.downs))
            else:
                plan.append((row, None, row.written.downs if row.written else ()))
        return plan


class MigratorMachine(RuleBasedStateMachine):
    world = "sync"

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "agents.db"
        self.db = Database(self.world, self.path, synchronous="OFF")
        self.model = Model()
        self.reopen()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)

    def reopen(self) -> None:
        """Another start of the application: a new migrator with this build's migrations."""
        self.migrator = self.db.migrator(
            [one.migration for one in self.model.build.values()], allow_out_of_order=self.model.allow_out_of_order
        )

    # -- the calls, and what they must give

    def answer(self, call: Any, *args: Any, **kwargs: Any) -> tuple[Any, AgentDBError | None]:
        try:
            return call(*args, **kwargs), None
        except AgentDBError as error:
            return None, error

    def check_results(self, results: Any, expected: list[tuple[int, tuple[str, ...], bool]], *, dry_run: bool) -> None:
        assert [(one.migration.number, one.statements, one.success) for one in results] == expected
        for one in results:
            assert isinstance(one, MigrationResult)
            assert one.dry_run == dry_run
            assert (one.executed_at is None) == dry_run
            assert (one.error is None) == one.success

    @rule(number=NUMBERS, spelling=SPELLINGS, down=DOWNS, breaks=st.booleans())
    def register(self, number: int, spelling: str, down: str, breaks: bool) -> None:
        written = Written(number, spelling.format(number), down=down, breaks=breaks and down == "drop")
        _, error = self.answer(self.migrator.add_migration, written.migration)
        if number in self.model.build:
            assert type(error) is InvalidMigrationError
            assert error.code == "duplicate_id"
        else:
            assert error is None
            self.model.build[number] = written

    @rule(
        limit=st.none() | st.integers(1, 4),
        up_to=st.none() | NUMBERS,
        dry_run=st.booleans(),
        checksums=st.sampled_from([True, True, False]),
        spelling=SPELLINGS,
    )
    def migrate(self, limit: int | None, up_to: int | None, dry_run: bool, checksums: bool, spelling: str) -> None:
        model, target = self.model, up_to
        spelled = None if target is None else spelling.format(target)
        results, error = self.answer(
            self.migrator.migrate, limit=limit, target=spelled, dry_run=dry_run, validate_checksums=checksums
        )
        if target is not None and target not in model.build:
            assert type(error) is InvalidArgumentError
            return
        refusal = model.refusal(checksums)
        if refusal:
            assert type(error) is (DatabaseTooNewError if error.code == "unknown_migration" else MigrationError)
            assert error.code == refusal
            assert error.results == ()
            return
        below = [one for one in model.pending() if target is None or one.number <= target]
        if target is not None and not below and max(model.numbers(), default=0) > target:
            assert type(error) is InvalidArgumentError
            assert error.code == "target_passed"
            return
        plan = below[:limit]
        newest = max(model.numbers(), default=0)
        expected: list[tuple[int, tuple[str, ...], bool]] = []
        for one in plan:
            failed_at = None if dry_run else model.run(one.up)
            expected.append((one.number, one.up, failed_at is None))
            if failed_at is not None:
                assert type(error) is MigrationError
                assert error.code == "statement_failed"
                assert (error.migration, error.statement_number) == (one.migration, failed_at)
                assert error.results[-1].error is error
                self.check_results(error.results, expected, dry_run=False)
                return
            if not dry_run:
                behind = max([row.after[1] for row in model.rows.values() if row.after[0] == newest], default=0) + 1
                model.rows[one.id] = Recorded(one.id, one, (newest, behind) if one.number < newest else (0, 0))
        assert error is None
        self.check_results(results, expected, dry_run=dry_run)

    @rule(limit=st.none() | st.integers(1, 4), down_to=st.none() | NUMBERS, dry_run=st.booleans(), spelling=SPELLINGS)
    def roll_back(self, limit: int | None, down_to: int | None, dry_run: bool, spelling: str) -> None:
        target = down_to
        spelled = None if target is None else spelling.format(target)
        results, error = self.answer(self.migrator.rollback, limit=limit, target=spelled, dry_run=dry_run)
        if limit is None and target is None:
            assert type(error) is InvalidArgumentError
            return
        self.check_rollback(results, error, limit, target, dry_run)

    @rule(dry_run=st.booleans())
    def roll_back_last(self, dry_run: bool) -> None:
        result, error = self.answer(self.migrator.rollback_last, dry_run=dry_run)
        self.check_rollback([] if result is None else [result], error, 1, None, dry_run)

    def check_rollback(
        self, results: Any, error: AgentDBError | None, limit: int | None, target: int | None, dry_run: bool
    ) -> None:
        model = self.model
        if model.duplicates():
            assert error is not None
            assert error.code == "duplicate_in_table"
            return
        if target is not None and target not in model.numbers():
            assert type(error) is InvalidArgumentError
            return
        plan = [one for one in model.reversals() if target is None or int(one[0].id) > target][:limit]
        if any(not downs for _, _, downs in plan):
            assert type(error) is MigrationError
            assert error.code == "no_down"
            assert error.results == ()
            return
        expected: list[tuple[int, tuple[str, ...], bool]] = []
        before = set(model.tables)
        for row, here, downs in plan:
            failed_at = None if dry_run else model.run(downs)
            expected.append((int(row.id), downs, failed_at is None))
            if failed_at is not None:
                assert type(error) is MigrationError
                assert error.code == "statement_failed"
                assert (error.migration_id or "").lstrip("0") == row.id.lstrip("0")
                assert error.statement_number == failed_at
                assert here is None or error.migration == here
                self.check_results(error.results, expected[-1:], dry_run=False)
                model.tables = before  # the whole range is rolled back, or none of it
                return
        assert error is None
        if not dry_run:
            for row, _, _ in plan:
                del model.rows[row.id]
        self.check_results(results, expected, dry_run=dry_run)

    # -- what developers, older builds and people with a shell do

    @precondition(lambda self: self.model.build)
    @rule(
        data=st.data(),
        part=st.sampled_from(["version", "wording", "down", "spelling", "mended"]),
    )
    def edit(self, data: st.DataObject, part: str) -> None:
        """The next build brings one migration in another form."""
        number = data.draw(st.sampled_from(sorted(self.model.build)))
        before = self.model.build[number]
        self.model.build[number] = {
            "version": replace(before, version=before.version % 2 + 1),
            "wording": replace(before, wording=before.wording + 1),
            "down": replace(before, down=data.draw(DOWNS)),
            "spelling": replace(before, id=data.draw(SPELLINGS).format(number)),
            "mended": replace(before, breaks=False),
        }[part]
        self.reopen()

    @rule(newest=st.integers(0, 6))
    def reopen_with_an_older_build(self, newest: int) -> None:
        self.model.build = {number: one for number, one in self.model.build.items() if number <= newest}
        self.reopen()

    @rule()
    def reopen_with_what_is_applied(self) -> None:
        """The build that migrated the database comes back: an update after a downgrade."""
        for row in self.model.rows.values():
            if row.written is not None:
                self.model.build[row.written.number] = row.written
        self.reopen()

    @rule(allow=st.booleans())
    def reopen_with_another_order_policy(self, allow: bool) -> None:
        self.model.allow_out_of_order = allow
        self.reopen()

    @rule()
    def initialize_again(self) -> None:
        assert self.migrator.initialize() is None

    @rule(number=NUMBERS, spelling=SPELLINGS)
    def put_in_a_row_by_hand(self, number: int, spelling: str) -> None:
        id = spelling.format(number)
        if id in self.model.rows:
            return
        self.migrator.initialize()
        hand_made_row(self.path, id)
        self.model.rows[id] = Recorded(id, None)

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data())
    def delete_a_row_by_hand(self, data: st.DataObject) -> None:
        hand_made = sorted(id for id, row in self.model.rows.items() if row.written is None)
        if not hand_made:
            return
        id = data.draw(st.sampled_from(hand_made))
        with outside(self.path) as connection:
            connection.execute("DELETE FROM migrations WHERE id = ?", (id,))
        del self.model.rows[id]

    # -- what must hold at any time

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        if not hasattr(self, "db"):
            return
        names = {name for (name,) in ask(self.path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names - {"migrations"} == self.model.tables
        if "migrations" not in names:
            assert self.model.rows == {}
            return
        rows = ask(self.path, "SELECT id, description, checksum, up, down, in_progress FROM migrations")
        assert {id for id, *_ in rows} == set(self.model.rows)
        for id, description, checksum, up, down, in_progress in rows:
            written = self.model.rows[id].written
            assert in_progress is None
            if written is None:
                assert checksum == "manual"
            else:
                migration = written.migration
                assert (description, checksum) == (migration.description, migration.checksum)
                assert (tuple(json.loads(up)), tuple(json.loads(down))) == (written.up, written.downs)

    @invariant()
    def the_questions_are_answered_as_the_model_says(self) -> None:
        if not hasattr(self, "db"):
            return
        model = self.model
        summary = self.migrator.get_migration_summary()
        newest = max((int(id) for id in model.rows), default=None)
        assert (None if summary.current_version is None else int(summary.current_version)) == newest
        pending = tuple(one.id for one in model.pending())
        assert summary == MigrationSummary(
            summary.current_version, len(model.build), len(model.rows), len(pending), pending
        )
        validation = self.migrator.validate_migrations()
        if model.duplicates():
            assert "duplicate_in_table" in {finding.code for finding in validation.errors}
        else:
            assert {finding.code for finding in validation.errors} == model.codes()
            assert validation.is_valid == (model.refusal(True) is None)
        hand_made = sorted(id for id, row in model.rows.items() if row.written is None)
        assert sorted(f.migration_id for f in validation.warnings if f.code == "manual_row") == hand_made


class AsyncMigratorMachine(MigratorMachine):
    world = "async"


BOUNDED = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestMigratorMachine = MigratorMachine.TestCase
TestMigratorMachine.settings = BOUNDED
TestAsyncMigratorMachine = AsyncMigratorMachine.TestCase
TestAsyncMigratorMachine.settings = BOUNDED
