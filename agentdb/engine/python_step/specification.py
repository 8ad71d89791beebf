"""PythonStep: Python code as an item of an up or a down. See agentdb.engine.python_step.execution."""

from __future__ import annotations

from agentdb.engine.canonical_text import escaped
from agentdb.engine.item import MigrationItem
from agentdb.errors import InvalidMigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agentdb.operations.requests import Steps

#: What stands in the JSON form for its kind.
KIND = "python_step"
#: Flags of code, as inspect has them; its import would cost every start 10 ms.
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200
_SHAPE = (
    "Pass a generator function without parameters, which asks by `yield from execute(…)` and `yield from batch(…)`."
)


class PythonStep(MigrationItem):
    """Change rows in Python, inside the transaction of the migration.

    name: what is hashed, recorded and shown; each step of a migration has its own. version: hashed and shown with it. Give
    another one if the step does something else than in an earlier build. body: a generator function without
    parameters. It asks for statements by `yield from execute(…)` and `yield from batch(…)`, which agentdb.operations has,
    and gets their results. It is not hashed.

    The body only executes statements and computes. It may run more than once, for instance when a rollback is tried first. It
    must not wait for anything. It begins and ends no transaction. An exception in it rolls the migration back. Its statements
    pass the same checks and guards as those of the migration.

    A statement of a step can depend on the result of another. So it needs an interactive transaction: a client cannot send
    its migration to a server as one batch.

    Raises InvalidMigrationError.
    """

    is_opaque = True

    name: str
    body: Callable[[], Steps[Any]] | None
    version: int

    def __init__(self, name: str, body: Callable[[], Steps[Any]], version: int = 1) -> None:
        _check_name(name, version)
        _check_body(name, body)
        self.__dict__.update(name=name, body=body, version=version)

    @classmethod
    def recorded(cls, name: str, version: int) -> PythonStep:
        """A step as a database remembers it, without its body. Raises InvalidMigrationError."""
        _check_name(name, version)
        step = cls.__new__(cls)
        step.__dict__.update(name=name, body=None, version=version)
        return step

    def _values(self) -> tuple[Any, ...]:
        return self.name, self.version

    @property
    def form(self) -> dict[str, Any]:
        """What the tracking table records, as JSON."""
        return {"agentdb": KIND, "name": self.name, "version": self.version}

    @property
    def canonical_json(self) -> str:
        """The form in canonical JSON (RFC 8785), for the checksum."""
        return f'{{"agentdb":"{KIND}","name":"{escaped(self.name)}","version":{self.version}}}'

    @property
    def label(self) -> str:
        """For messages."""
        return f"Python step {self.name!r}, version {self.version}"

    def __str__(self) -> str:
        return f"-- {self.label}"


def _check_name(name: object, version: object) -> None:
    if type(name) is not str or not name.isprintable() or not name.strip() or name != name.strip():
        raise InvalidMigrationError(f"the name of a PythonStep is {name!r}; it is text, without blanks around it")
    if type(version) is not int or not 0 < version < 2**53:
        raise InvalidMigrationError(f"the version of the PythonStep {name!r} is {version!r}; it is a number from 1 on")


def _check_body(name: str, body: object) -> None:
    """Raises InvalidMigrationError for what can be seen to give no steps. What only a call can show is told at the call."""
    if not callable(body):
        raise InvalidMigrationError(
            f"the body of the PythonStep {name!r} is a {type(body).__name__}, not a generator function", remedy=_SHAPE
        )
    inner: Any = body
    while type(inner).__name__ == "partial":
        inner = inner.func
    code = getattr(inner, "__code__", None) or getattr(type(inner).__dict__.get("__call__"), "__code__", None)
    if code is None:
        return  # written in C: the call will show
    if code.co_flags & (_COROUTINE | _ASYNC_GENERATOR):
        raise InvalidMigrationError(
            f"the body of the PythonStep {name!r} is an async function; it has to be a generator function",
            remedy=_SHAPE,
        )
    if not code.co_flags & _GENERATOR:
        raise InvalidMigrationError(
            f"the body of the PythonStep {name!r} is not a generator function",
            remedy=f"{_SHAPE} Bind arguments with functools.partial.",
        )
