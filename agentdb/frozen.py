"""Frozen values for the start-up path.

`dataclasses` costs about 11 ms of imports (inspect, ast), which an application would pay at every start; a Record is a
dataclass to the type checkers, and a plain class at run time.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """Base of values whose annotated names are their fields: frozen, compared and hashed by value."""

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        own = [name for name in cls.__annotations__ if not name.startswith("_")]
        cls._fields = (*getattr(cls, "_fields", ()), *own)

    if not TYPE_CHECKING:

        def __init__(self, *values, **named):
            fields = self._fields
            state = self.__dict__
            if not named and len(values) == len(fields):
                state.update(zip(fields, values, strict=True))
                return
            if len(values) > len(fields):
                raise TypeError(f"{type(self).__name__} takes {len(fields)} values, {len(values)} were given")
            state.update(zip(fields, values, strict=False))
            for name, value in named.items():
                if name not in fields or name in state:
                    raise TypeError(f"{type(self).__name__} has no field {name!r} left to set")
                state[name] = value
            if len(state) < len(fields):
                for name in fields:
                    if name not in state:
                        try:
                            state[name] = getattr(type(self), name)
                        except AttributeError:
                            raise TypeError(f"{type(self).__name__} needs {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; {name!r} cannot be deleted")

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._fields)})"
