"""Python steps that tell what they execute, so that the proof can follow tables that they rename or drop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdb.clients.statements import statement_of
from agentdb.engine.migration import Migration
from agentdb.engine.python_step.specification import PythonStep
from agentdb.operations.requests import Batch, Execute

if TYPE_CHECKING:
    from agentdb.engine.migration import Item
    from agentdb.operations.requests import Steps


class Observed:
    """A migration, and what its up came to."""

    def __init__(self, migration: Migration) -> None:
        self.migration = migration
        self._items: list[list[Item]] = [[item] for item in migration.up]
        steps = [number for number, item in enumerate(migration.up) if isinstance(item, PythonStep)]
        if steps:
            up = list(migration.up)
            for number in steps:
                up[number] = self._observed(number)
            self.migration = Migration.__new__(Migration)
            self.migration.__dict__.update(migration.__dict__, up=tuple(up))

    @property
    def items(self) -> list[Item]:
        """Its items, with the statements of each step in the place of the step."""
        return [item for items in self._items for item in items]

    def _observed(self, number: int) -> PythonStep:
        step = self.migration.up[number]
        assert isinstance(step, PythonStep)
        inner, texts = step.body, self._items[number]
        texts.clear()

        def body() -> Steps[Any]:
            assert inner is not None
            steps = inner()
            answer: Any = None
            thrown: Exception | None = None
            try:
                while True:
                    request = steps.send(answer) if thrown is None else steps.throw(thrown)
                    answer, thrown = None, None
                    if type(request) is Batch and not isinstance(request.stmts, (str, bytes)):
                        request = Batch(list(request.stmts))
                    texts.extend(_texts(request))
                    try:
                        answer = yield request
                    except Exception as error:
                        thrown = error
            except StopIteration as stop:
                return stop.value
            finally:
                steps.close()

        return PythonStep(step.name, body, step.version)


def _texts(request: object) -> list[str]:
    """What a request executes, as far as it is in order; what is not, the migrator refuses."""
    try:
        if type(request) is Execute:
            return [statement_of(request.stmt)[0]]
        if type(request) is Batch:
            return [statement_of(stmt)[0] for stmt in request.stmts]
    except Exception:
        pass
    return []
