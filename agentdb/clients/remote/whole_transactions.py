"""What is sent outside an open transaction: one statement, or a whole transaction in one request."""

from __future__ import annotations

from time import monotonic

from agentdb.clients.base import ResultSet
from agentdb.clients.remote import server_errors, values
from agentdb.clients.remote.exchange import READ, WRITE, Exchange, OlderServerError, Server, ended, pause_before
from agentdb.clients.remote.guarded import Steps
from agentdb.clients.remote.requests import Pause
from agentdb.clients.statements import OTHER
from agentdb.clients.statements import READ as READING
from agentdb.errors import AgentDBError, OutcomeUnknownError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from agentdb.clients.remote.exchange import Talk
    from agentdb.clients.statements import Prepared

CLOSE = {"type": "close"}
#: An error where the statement in it gives a row: then the steps behind it are left out.
_REFUSE = "SELECT CASE WHEN EXISTS ({}) THEN json('') END"
#: Bytes of a statement from which on each of its values is measured.
_LARGE = values.VALUE_LIMIT // 2


class WholeTransactions:
    """Base of a stream: what needs no state between two requests."""

    def __init__(self, server: Server) -> None:
        self.path = server.name
        self._server = server
        self._exchange = Exchange(server)
        self._closed = False
        self._is_begun = False
        self._lost: AgentDBError | None = None

    def _execute_alone(self, sql: str, args: Any, kind: str) -> Talk[ResultSet]:
        """Run one statement in a transaction of its own; tried again while another writer has the lock."""
        stmt = self._statement(sql, args, kind)
        give_up = monotonic() + self._server.settings.busy_timeout
        tries = 0
        while True:
            tries += 1
            found = yield from self._send_one(
                lambda: {"type": "execute", "stmt": stmt}, READ if kind == READING else WRITE
            )
            if found["type"] == "ok":
                return values.result_of(found["response"]["result"], kind)
            if kind != READING and found["error"].get("code") == "RESPONSE_TOO_LARGE":
                # Outside a transaction the server keeps what it has written before it finds that.
                what = f"whether {self.path} has done a write is not known: what it returns is too large to be sent"
                raise OutcomeUnknownError(what, engine_code="RESPONSE_TOO_LARGE")
            if not server_errors.is_busy(found["error"]) or monotonic() >= give_up:
                raise server_errors.statement_error(found["error"], self.path, sql, args)
            yield Pause(pause_before(tries))

    def _batch_alone(self, prepared: list[Prepared], writing: bool) -> Talk[list[ResultSet]]:
        """Run statements in one transaction: all, or none."""
        if not prepared:
            return []
        results, errors = yield from self._transaction_of(prepared, WRITE if writing else READ)
        self._raise_first(errors[1:-2], prepared)
        if results[-2] is None:
            raise self._not_committed(errors[-2])
        return [values.result_of(result, one[2]) for result, one in zip(results[1:-2], prepared, strict=True)]

    def _script_alone(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> Talk[bool]:
        """Run statements in one transaction: all, or none. False, and nothing is done, where the SELECT `unless` gives a
        row. The statements are taken before the first one runs."""
        sql, args = unless
        prepared: list[Prepared] = [(_REFUSE.format(sql), args, READING)]
        prepared += [(each, values_, OTHER) for each, values_ in statements]
        results, errors = yield from self._transaction_of(prepared, WRITE)
        if errors[1] is not None and "malformed JSON" in str(errors[1].get("message")):
            return False
        self._raise_first(errors[1:-2], prepared, is_script=True)
        if results[-2] is None:
            raise self._not_committed(errors[-2])
        return True

    def _transaction_of(self, prepared: list[Prepared], effect: str) -> Talk[tuple[list[Any], list[Any]]]:
        """The results and the errors of a whole transaction: BEGIN, the statements, COMMIT, ROLLBACK. Tried again while
        another writer has the lock, for then none of it has run."""
        stmts = [self._statement(*one) for one in prepared]

        def build() -> dict[str, Any]:
            steps = Steps(has_autocommit=self._server.version >= 3)
            last = steps.always("BEGIN IMMEDIATE" if effect == WRITE else "BEGIN")
            for stmt in stmts:
                last = steps.if_ok(last, stmt)
            steps.unless_ok(steps.if_ok(last, "COMMIT"), "ROLLBACK")
            return steps.request()

        give_up = monotonic() + self._server.settings.busy_timeout
        tries = 0
        while True:
            tries += 1
            found = yield from self._send_one(build, effect)
            if found["type"] != "ok":
                raise server_errors.statement_error(found["error"], self.path, "", ())
            results, errors = found["response"]["result"]["step_results"], found["response"]["result"]["step_errors"]
            if errors[0] is None:
                return results, errors
            if not server_errors.is_busy(errors[0]) or monotonic() >= give_up:
                raise server_errors.statement_error(errors[0], self.path, "", ())
            yield Pause(pause_before(tries))

    def _raise_first(self, errors: list[Any], prepared: list[Prepared], *, is_script: bool = False) -> None:
        for number, (error, (sql, args, _)) in enumerate(zip(errors, prepared, strict=True)):
            if error is not None:
                raised = server_errors.statement_error(error, self.path, sql, args)
                if is_script:
                    raised.script_statement = number or None
                raise raised

    def _not_committed(self, error: dict[str, Any] | None) -> AgentDBError:
        """The error of a COMMIT that failed, or that was left out because the transaction was gone."""
        if error is None:
            return server_errors.lost(self.path)
        return server_errors.statement_error(error, self.path, "", ())

    def _statement(self, sql: str, args: Any, kind: str) -> dict[str, Any]:
        stmt = values.statement(sql, args)
        try:
            size = values.size_of(sql, args)
        except UnicodeEncodeError:
            raise values.not_bindable(sql, args) from None
        if size >= _LARGE:
            values.check_sizes(sql, args)
        return stmt

    def _send_one(self, build: Callable[[], dict[str, Any]], effect: str) -> Talk[dict[str, Any]]:
        """The result of one request on a stream of its own, written again where the server turns out to be older."""
        while True:
            try:
                return (yield from self._send([build(), CLOSE], effect))[0]
            except OlderServerError:
                continue

    def _send(self, requests: list[dict[str, Any]], effect: str) -> Talk[list[dict[str, Any]]]:
        if self._closed:
            raise ended(self.path)
        try:
            return (yield from self._exchange.send(requests, effect))
        except BaseException as error:
            # The baton is used up, and what became of the transaction is not known: it is dead for good.
            if self._is_begun:
                engine_code = error.engine_code if isinstance(error, AgentDBError) else None
                self._lost = server_errors.lost(self.path, engine_code)
            self._exchange.forget()
            raise
