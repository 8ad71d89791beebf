"""The client and its transactions against a dictionary, in both worlds, on a file and in memory."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
from client_harness import Both, rows
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agentdb.errors import AgentDBError, ClosedError, IntegrityError, TransactionActiveError

KEYS = st.integers(1, 6)
VALUES = st.integers(0, 3) | st.text(max_size=3) | st.none()


class ClientMachine(RuleBasedStateMachine):
    """Keys and values in a table; `self.kept` is what is committed, `self.seen` what the open transaction sees."""

    both: Both
    client: Any

    @initialize(is_async=st.booleans(), in_memory=st.booleans())
    def open(self, is_async: bool, in_memory: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = ":memory:" if in_memory else str(Path(self.folder.name) / "a.db")
        self.both = Both(is_async=is_async)
        self.client = self.both.open(self.path, busy_timeout=0)
        self.both(self.client.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v CHECK (v IS NOT 'bad'))"))
        self.kept: dict[int, Any] = {}
        self.tx: Any = None
        self.seen: dict[int, Any] = {}
        self.savepoints: list[tuple[str, dict[int, Any]]] = []
        self.ended: list[Any] = []

    def end(self) -> None:
        self.ended.append(self.tx)
        self.tx, self.savepoints = None, []

    def _insert(self, target: Any, state: dict[int, Any], key: int, value: Any, on_conflict: str = "") -> bool:
        """Whether it was inserted."""
        insert = f"INSERT {on_conflict} INTO t VALUES (?, ?)"
        if key in state:
            with pytest.raises(IntegrityError):
                self.both(target.execute(insert, (key, value)))
            return False
        result = self.both(target.execute(insert, (key, value)))
        assert (result.rows_affected, result.last_insert_rowid) == (1, key)
        state[key] = value
        return True

    # -- without a transaction

    @precondition(lambda self: self.tx is None)
    @rule(key=KEYS, value=VALUES, on_conflict=st.sampled_from(["", "OR ROLLBACK", "OR ABORT"]))
    def insert(self, key: int, value: Any, on_conflict: str) -> None:
        self._insert(self.client, self.kept, key, value, on_conflict)

    @precondition(lambda self: self.tx is None)
    @rule(key=KEYS)
    def delete(self, key: int) -> None:
        result = self.both(self.client.execute("DELETE FROM t WHERE k = :k", {"k": key}))
        assert result.rows_affected == int(self.kept.pop(key, self) is not self)

    @precondition(lambda self: self.tx is None)
    @rule(pairs=st.lists(st.tuples(KEYS, VALUES), max_size=4))
    def batch(self, pairs: list[tuple[int, Any]]) -> None:
        keys = [key for key, _ in pairs]
        stmts = [("INSERT INTO t VALUES (?, ?)", pair) for pair in pairs]
        if len(set(keys)) < len(keys) or set(keys) & set(self.kept):
            with pytest.raises(IntegrityError):
                self.both(self.client.batch(stmts))
        else:
            assert len(self.both(self.client.batch(stmts))) == len(pairs)
            self.kept.update(pairs)

    # -- with one

    @precondition(lambda self: self.tx is None)
    @rule()
    def begin(self) -> None:
        self.tx = self.both.begin(self.client)
        self.seen = copy.copy(self.kept)

    @precondition(lambda self: self.tx is not None)
    @rule(key=KEYS, value=VALUES)
    def insert_inside(self, key: int, value: Any) -> None:
        self._insert(self.tx, self.seen, key, value)

    @precondition(lambda self: self.tx is not None)
    @rule(key=KEYS, value=VALUES)
    def insert_or_roll_back_inside(self, key: int, value: Any) -> None:
        if not self._insert(self.tx, self.seen, key, value, "OR ROLLBACK"):
            with pytest.raises(ClosedError):
                self.both(self.tx.execute("DELETE FROM t"))
            self.end()

    @precondition(lambda self: self.tx is not None)
    @rule(first=KEYS, second=KEYS, value=VALUES)
    def batch_inside(self, first: int, second: int, value: Any) -> None:
        stmts = [("INSERT INTO t VALUES (?, ?)", (key, value)) for key in (first, second)]
        if first == second or first in self.seen or second in self.seen:
            with pytest.raises(IntegrityError):
                self.both(self.tx.batch(stmts))
        else:
            self.both(self.tx.batch(stmts))
            self.seen.update({first: value, second: value})

    @precondition(lambda self: self.tx is not None)
    @rule()
    def clear_inside(self) -> None:
        assert self.both(self.tx.execute("DELETE FROM t")).rows_affected == len(self.seen)
        self.seen = {}

    @precondition(lambda self: self.tx is not None)
    @rule()
    def savepoint(self) -> None:
        self.savepoints.append((self.both(self.tx.savepoint()), copy.copy(self.seen)))

    @precondition(lambda self: self.tx is not None and self.savepoints)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.savepoints) - 1))
        self.both(self.tx.release(self.savepoints[number][0]))
        del self.savepoints[number:]

    @precondition(lambda self: self.tx is not None and self.savepoints)
    @rule(data=st.data())
    def roll_back_to(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.savepoints) - 1))
        name, self.seen = self.savepoints[number]
        self.both(self.tx.rollback_to(name))
        del self.savepoints[number:]

    @precondition(lambda self: self.tx is not None)
    @rule()
    def commit(self) -> None:
        self.both(self.tx.commit())
        self.kept = self.seen
        self.end()

    @precondition(lambda self: self.tx is not None)
    @rule(how=st.sampled_from(["rollback", "close", "exit", "drop"]))
    def give_up(self, how: str) -> None:
        if how == "exit":
            with self.tx:
                pass
        elif how == "drop":
            self.tx = None
            self.savepoints = []
            self.both.settle()
            return
        else:
            self.both(getattr(self.tx, how)())
        self.end()
        self.both.settle()

    @precondition(lambda self: self.tx is not None and not self.both.is_async)
    @rule()
    def use_the_client_beside_it(self) -> None:
        with pytest.raises(TransactionActiveError):
            self.client.execute("SELECT 1")

    @precondition(lambda self: bool(getattr(self, "ended", [])))
    @rule()
    def use_an_ended_one(self) -> None:
        for use in (lambda tx: tx.execute("DELETE FROM t"), lambda tx: tx.commit()):
            with pytest.raises(ClosedError):
                self.both(use(self.ended[-1]))
        self.both(self.ended[-1].rollback())

    @precondition(lambda self: hasattr(self, "client"))
    @rule(
        sql=st.sampled_from(
            [
                "COMMIT",
                "SELEKT",
                "PRAGMA foreign_keys=0",
                "SELECT 1; SELECT 2",
                "SELECT ?",
                "INSERT INTO t VALUES (7, 'bad')",
            ]
        )
    )
    def fail(self, sql: str) -> None:
        with pytest.raises(AgentDBError):
            self.both((self.tx or self.client).execute(sql))

    @invariant()
    def what_is_there_is_what_the_model_says(self) -> None:
        if not hasattr(self, "client"):
            return
        select = "SELECT k, v FROM t ORDER BY k"
        if self.tx is not None:
            assert dict(self.both(self.tx.execute(select)).tuples) == self.seen
        if self.tx is None or (self.both.is_async and self.path != ":memory:"):
            assert dict(self.both(self.client.execute(select)).tuples) == self.kept
        if self.path != ":memory:":
            assert dict(rows(self.path, select)) == self.kept

    def teardown(self) -> None:
        if hasattr(self, "both"):
            if self.tx is not None:
                self.both(self.tx.close())
            self.both.__exit__()
            self.folder.cleanup()


TestClientMachine = ClientMachine.TestCase
TestClientMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
