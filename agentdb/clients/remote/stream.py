"""A connection to a server, without any input or output: it says what to send, and reads what comes back.

It has the methods of agentdb.clients.local.connection.Connection, each a generator that asks its transport; see
agentdb.clients.remote.requests.
"""

from __future__ import annotations

from time import monotonic

from agentdb.clients.base import ResultSet
from agentdb.clients.remote import server_errors, values
from agentdb.clients.remote.exchange import STEP, WRITE, Server, pause_before, too_old
from agentdb.clients.remote.guarded import Steps
from agentdb.clients.remote.requests import Pause
from agentdb.clients.remote.whole_transactions import CLOSE, WholeTransactions
from agentdb.clients.statements import READ as READING
from agentdb.errors import AgentDBError, BusyError, ClosedError
from agentdb.logs import INFO, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.remote.exchange import Talk
    from agentdb.clients.statements import Prepared


class Stream(WholeTransactions):
    """One connection to a server. Used by one caller at a time; outside a transaction it keeps nothing there."""

    def __init__(self, server: Server, generation: int = 0) -> None:
        super().__init__(server)
        self.generation = generation
        self._opening: list[str] | None = None  # what begins the transaction, until it is sent
        #: Savepoints and their ends, and statements whose results nobody needs: they travel with the next statement.
        self._waiting: list[str | Prepared] = []
        self._savepoints = 0

    def open(self) -> None:
        """Nothing is opened before it is needed."""

    # -- outside a transaction; one that somebody left behind would swallow what is sent

    def execute(self, sql: str, args: Any, kind: str = READING) -> Talk[ResultSet]:
        """Run one statement: of the open transaction, or in one of its own."""
        if self._is_begun:
            return (yield from self._inside([(sql, args, kind)]))[0]
        return (yield from self._execute_alone(sql, args, kind))

    def write(self, sql: str, args: Any, kind: str) -> Talk[ResultSet]:
        """Run one statement that is no READ, in a transaction of its own."""
        if self._is_begun:
            yield from self.rollback()
        return (yield from self._execute_alone(sql, args, kind))

    def batch(self, prepared: list[Prepared], writing: bool) -> Talk[list[ResultSet]]:
        """Run statements in one transaction: all, or none."""
        if self._is_begun:
            yield from self.rollback()
        return (yield from self._batch_alone(prepared, writing))

    def script(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> Talk[bool]:
        """Run statements in one transaction: all, or none. False, and nothing is done, where the SELECT `unless` gives a
        row. The statements are taken before the first one runs."""
        if self._is_begun:
            yield from self.rollback()
        return (yield from self._script_alone(statements, unless))

    # -- transactions

    @property
    def in_transaction(self) -> bool:
        """Whether one is open, as far as is known."""
        return self._is_begun and self._lost is None

    @property
    def usable(self) -> bool:
        """Whether it is open, and in no transaction."""
        return not self._is_begun and not self._closed

    @property
    def is_open(self) -> bool:
        """Whether close() was not called."""
        return not self._closed

    def begin(self, writing: bool = True, foreign_keys: bool = True) -> Talk[None]:
        """A transaction. Its BEGIN travels with its first statement.

        foreign_keys: False switches their enforcement off, on this stream alone, which ends with the transaction.
        """
        if self._is_begun:
            yield from self.rollback()
        if self._server.version < 3:
            raise too_old(self.path)
        self._opening = [] if foreign_keys else ["PRAGMA foreign_keys=OFF"]
        self._opening.append("BEGIN IMMEDIATE" if writing else "BEGIN")
        self._waiting = []
        self._savepoints = 0
        self._lost = None
        self._is_begun = True

    def execute_inside(self, sql: str, args: Any, kind: str) -> Talk[ResultSet]:
        """Run one statement of the open transaction. Raises ClosedError where there is none any more."""
        return (yield from self._inside([(sql, args, kind)]))[0]

    def batch_inside(self, prepared: list[Prepared]) -> Talk[list[ResultSet]]:
        """Run statements of the open transaction: all of them, or none. Raises ClosedError where there is none."""
        if not prepared:
            self.check_transaction()
            return []
        return (yield from self._inside(prepared, is_batch=len(prepared) > 1))

    def _inside(self, prepared: list[Prepared], *, is_batch: bool = False) -> Talk[list[ResultSet]]:
        """Statements of the open transaction, with all that has to be sent before them."""
        self.check_transaction()
        give_up = monotonic() + self._server.settings.busy_timeout
        tries = 0
        while True:
            tries += 1
            steps = Steps()
            before = self._before(steps)
            last = before - 1 if before else None
            name = None
            if is_batch:
                self._savepoints += 1
                name = f"agentdb_{self._savepoints}"
                last = self._next(steps, last, f"SAVEPOINT {name}")
            first = len(steps.list)
            for sql, args, kind in prepared:
                last = self._next(steps, last, self._statement(sql, args, kind))
            if name is not None:
                assert last is not None
                undone = steps.unless_ok(steps.if_ok(last, f"RELEASE {name}"), f"ROLLBACK TO {name}")
                steps.if_ok(undone, f"RELEASE {name}")
            found = (yield from self._send([steps.request()], STEP))[0]
            if found["type"] != "ok":
                raise self._failed(found["error"])
            result = found["response"]["result"]
            results, errors = result["step_results"], result["step_errors"]
            if self._opening is not None:
                busy = self._failed_begin(results, errors)
                if busy is not None:
                    if monotonic() >= give_up:
                        raise busy
                    yield Pause(pause_before(tries))
                    continue
            if any(one is None for one in results[:first]):
                raise self._failed_before(errors[:first])
            self._opening = None
            self._waiting = []
            for number, (sql, args, _) in enumerate(prepared, first):
                if errors[number] is not None:
                    raise self._refused(errors[number], sql, args)
                if results[number] is None:
                    raise self._is_lost(None)
            return [values.result_of(result, one[2]) for result, one in zip(results[first:], prepared, strict=False)]

    @staticmethod
    def _next(steps: Steps, last: int | None, stmt: dict[str, Any] | str) -> int:
        return steps.inside(stmt) if last is None else steps.if_ok(last, stmt)

    def _before(self, steps: Steps) -> int:
        """Put in what goes before the next statement: the beginning, savepoints and their ends. Returns how many."""
        last: int | None = None
        for sql in self._opening or ():
            last = steps.always(sql)
            if sql.startswith("PRAGMA"):
                last = steps.always({"sql": "PRAGMA foreign_keys", "want_rows": True})
        for one in self._waiting:
            last = self._next(steps, last, one if isinstance(one, str) else self._statement(*one))
        return len(steps.list)

    def _failed_begin(self, results: list[Any], errors: list[Any]) -> BusyError | None:
        """None where it has begun; the BusyError, where it can be tried again. Raises anything else."""
        assert self._opening is not None
        is_off = len(self._opening) > 1
        number = 2 if is_off else 0
        if is_off and (results[1] is None or values.result_of(results[1], READING).tuples != [(0,)]):
            self._lost = server_errors.lost(self.path)
            raise AgentDBError(f"foreign keys cannot be switched off on {self.path}", code="cannot_open")
        if errors[number] is None:
            return None
        error = server_errors.statement_error(errors[number], self.path, "", ())
        if isinstance(error, BusyError):
            return error
        self._lost = server_errors.lost(self.path)
        raise error

    def _failed_before(self, errors: list[Any]) -> AgentDBError:
        """The error of what went before a statement. Whoever asked for it does not hear of it, so the transaction is over."""
        number, error = next(((n, one) for n, one in enumerate(errors) if one is not None), (0, None))
        if error is None or server_errors.is_lost(error):
            return self._is_lost(error)
        begins = 0 if self._opening is None else (1 if len(self._opening) == 1 else 3)
        waiting = self._waiting[number - begins] if 0 <= number - begins < len(self._waiting) else ""
        sql, args = (waiting, ()) if isinstance(waiting, str) else waiting[:2]
        self._lost = server_errors.lost(self.path)
        return server_errors.statement_error(error, self.path, sql, args)

    def _refused(self, error: dict[str, Any], sql: str, args: Any) -> AgentDBError:
        """The error of a statement; the transaction goes on, unless this is its end."""
        if server_errors.is_lost(error):
            return self._is_lost(error)
        return server_errors.statement_error(error, self.path, sql, args)

    def _failed(self, error: dict[str, Any]) -> AgentDBError:
        """The error of a batch that was refused as a whole: what it has done is not known, so the transaction is over."""
        self._lost = server_errors.lost(self.path)
        return server_errors.statement_error(error, self.path, "", ())

    def _is_lost(self, error: dict[str, Any] | None) -> ClosedError:
        lost = server_errors.lost(self.path, None if error is None else error.get("code"))
        self._lost = lost
        return lost

    def commit(self) -> Talk[None]:
        """COMMIT, and the end of the stream. Where it fails the transaction is rolled back.

        Raises ClosedError where the server has rolled back by itself, OutcomeUnknownError where no answer came.
        """
        self.check_transaction()
        try:
            if self._opening is not None and not any(type(one) is tuple for one in self._waiting):
                return  # no statement was ever sent
            steps = Steps()
            before = self._before(steps)
            self._next(steps, before - 1 if before else None, "COMMIT")
            found, _ = yield from self._send([steps.request(), CLOSE], WRITE)
            if found["type"] != "ok":
                raise self._failed(found["error"])
            result = found["response"]["result"]
            if result["step_results"][-1] is None:
                if any(one is not None for one in result["step_errors"][:-1]):
                    raise self._failed_before(result["step_errors"][:-1])
                raise self._not_committed(result["step_errors"][-1])
        finally:
            self._end()

    def rollback(self) -> Talk[None]:
        """Undo the open transaction by ending the stream. Never raises: where the server cannot be told, it forgets the
        stream by itself."""
        try:
            if self._exchange.baton is not None:
                yield from self._send([CLOSE], STEP)
        except AgentDBError as error:
            log(INFO, "%s was not told of a rollback; it ends the transaction by itself", self.path, error=error)
        finally:
            self._end()

    def savepoint(self, confined: bool = False) -> str:
        """The name of a SAVEPOINT, which travels with the next statement. confined: the server lets no statement reach
        beyond its database anyway."""
        self.check_transaction()
        self._savepoints += 1
        name = f"agentdb_{self._savepoints}"
        self._waiting.append(f"SAVEPOINT {name}")
        return name

    def release(self, name: str) -> None:
        """Keep what was done since the savepoint; travels with the next statement."""
        self.check_transaction()
        if self._waiting[-1:] == [f"SAVEPOINT {name}"]:
            self._waiting.pop()  # nothing was done since
        else:
            self._waiting.append(f"RELEASE {name}")

    def later(self, prepared: list[Prepared]) -> None:
        """Statements whose results nobody needs: they travel with the next one, or with the COMMIT, and what they raise is
        raised there."""
        self.check_transaction()
        for one in prepared:
            self._statement(*one)  # what cannot be sent is refused here
        self._waiting += prepared

    def rollback_to(self, name: str) -> None:
        """Undo what was done since the savepoint, and forget it; travels with the next statement."""
        if self.in_transaction and not self._take_back(name):
            self._waiting += [f"ROLLBACK TO {name}", f"RELEASE {name}"]

    def _take_back(self, name: str) -> bool:
        """Whether the savepoint was never sent: then nothing was done since, and it is forgotten."""
        opening = f"SAVEPOINT {name}"
        if opening not in self._waiting:
            return False
        del self._waiting[self._waiting.index(opening) :]
        return True

    def check_transaction(self) -> None:
        """Raises ClosedError where the server has rolled back by itself, or a connection was lost."""
        if self._lost is not None or not self._is_begun:
            engine_code = None if self._lost is None else self._lost.engine_code
            raise server_errors.lost(self.path, engine_code)

    def _end(self) -> None:
        self._is_begun = False
        self._opening = None
        self._waiting = []
        self._lost = None
        self._exchange.forget()

    def close(self) -> None:
        """Keep nothing open."""
        self._closed = True
        self._end()
