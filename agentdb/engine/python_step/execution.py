"""How a PythonStep runs. Its body yields statements, and each is checked before it is executed."""

from __future__ import annotations

from types import GeneratorType

from agentdb.clients.statements import statement_of
from agentdb.engine.guards.references import check_dependents, drops
from agentdb.engine.history_row import DOWN
from agentdb.engine.migration import check_statement, refuse_without_effect
from agentdb.errors import AgentDBError, BusyError, ClosedError, MigrationError, TransactionActiveError
from agentdb.operations.requests import Batch, Execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from agentdb.engine.migration import Migration
    from agentdb.engine.python_step.specification import PythonStep
    from agentdb.operations.requests import Steps


class StepRun:
    """One run of a step: what it has executed."""

    def __init__(self, step: PythonStep, migration: Migration, direction: str, number: int) -> None:
        self.step = step
        #: What it has executed, each text once, in order; what renames, as often as it did.
        self.texts: list[str] = []
        #: What it executes now.
        self.statement: str | None = None
        self._migration = migration
        self._direction = direction
        self._number = number
        self._seen: set[str] = set()

    def run(self, gone: Collection[str]) -> Steps[None]:
        """Run it. gone: the tables that the statements of the down drop.

        Raises MigrationError `python_step_failed` where the body raises, `python_step_refused` where it asks for what a step
        may not do; and what the database says to a statement, unless the body catches that.
        """
        body = self._begun()
        answer: Any = None
        thrown: Exception | None = None
        try:
            while True:
                try:
                    request = body.send(answer) if thrown is None else body.throw(thrown)
                except StopIteration:
                    self.statement = None
                    return
                except Exception as error:
                    if error is thrown and isinstance(error, AgentDBError):
                        raise
                    self.statement = None
                    raise self._failed(error) from error
                answer, thrown = None, None
                try:
                    request, texts = self._understood(request)
                except MigrationError:
                    raise
                except Exception as error:  # what the client would say to such a statement
                    thrown = error
                    continue
                for sql in texts:  # what is refused here the body cannot catch
                    yield from self._check(sql, gone)
                try:
                    answer = yield request
                except Exception as error:
                    thrown = error
        finally:
            _close(body)

    def _begun(self) -> GeneratorType[Any, Any, Any]:
        assert self.step.body is not None  # one without is refused when a rollback is planned
        try:
            body: Any = self.step.body()
        except Exception as error:
            raise self._failed(error) from error
        if type(body) is not GeneratorType:
            getattr(body, "close", _nothing)()
            raise self._refused(f"its body gave {_named(body)}, not steps")
        return body

    def _understood(self, request: object) -> tuple[object, list[str]]:
        """The request as it is passed on, and the SQL in it."""
        if type(request) is Execute:
            return request, [statement_of(request.stmt, request.args)[0]]
        if type(request) is Batch:
            if isinstance(request.stmts, (str, bytes)) or not hasattr(request.stmts, "__iter__"):
                return request, []  # the client refuses it
            stmts = list(request.stmts)
            return Batch(stmts), [statement_of(stmt)[0] for stmt in stmts]
        raise self._refused(f"it yielded {_named(request)}, which is not a statement")

    def _check(self, sql: str, gone: Collection[str]) -> Steps[None]:
        self.statement = sql
        is_new = sql not in self._seen
        if is_new:
            item = check_statement(self._migration.id, self._direction, self._number, sql)
            refuse_without_effect(self._migration.id, self._direction, (item,))
            self._seen.add(sql)
        if self._direction == DOWN and "drop" in sql.lower() and drops((sql,)):
            yield from check_dependents((sql,), gone)
        if is_new or "rename" in sql.lower():
            self.texts.append(sql)

    def _failed(self, error: Exception) -> MigrationError:
        """For what the body itself has raised."""
        said = error.message if isinstance(error, AgentDBError) else str(error)
        if isinstance(error, (TransactionActiveError, BusyError, ClosedError)):
            return self._refused(f"it used the database outside its statements: {said}")
        return MigrationError(
            f"it raised {type(error).__name__}{': ' if said else ''}{said}", code="python_step_failed"
        )

    def _refused(self, why: str) -> MigrationError:
        self.statement = None
        return MigrationError(why, code="python_step_refused")


def _close(body: GeneratorType[Any, Any, Any]) -> None:
    try:
        body.close()
    except Exception:  # what it does at its end is not what has gone wrong
        pass


def _named(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _nothing() -> None:
    pass
