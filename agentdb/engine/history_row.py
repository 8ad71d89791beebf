"""A row of the tracking table: what it says of one migration."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias

    from agentdb.engine.migration import Item, Migration

    #: The id, checksum and in_progress of a row, bare: an application that starts compares all of them with what it has
    #: registered. A Row begins with them.
    Key: TypeAlias = tuple[Any, ...]

UP: Literal["up"] = "up"
DOWN: Literal["down"] = "down"
#: What the last line of a note holds where its row stands for a migration that is not applied.
STRUCK_OUT = " mark_reverted: "
#: What stands in the last line of a note while a migration outside a transaction is under way; see History.progress().
DONE = " statements done, "
#: What stands behind the fingerprint there, in front of the position of a Backfill.
POSITION = "; the next one at "
_ENDLESS = float("inf")
_quoted: Callable[[Any], str] | None = None
_encode: Callable[[object], str] | None = None


class Row(tuple["Any", ...]):
    """One row of the tracking table, in the order of the columns that are read. What was not read is None."""

    __slots__ = ()

    @classmethod
    def of(cls, id: str, checksum: str | None, in_progress: str | None = None, *more: Any) -> Row:
        """From values in the order of the properties below."""
        return cls((id, checksum, in_progress, *more))

    @classmethod
    def noted(cls, id: str, note: str | None, checksum: str | None = None, in_progress: str | None = None) -> Row:
        """A key and a note."""
        return cls.of(id, checksum, in_progress, *[None] * 8, note)

    def _get(self, index: int) -> Any:
        return self[index] if len(self) > index else None

    @property
    def id(self) -> str:
        """As it is written in the table."""
        return self[0]  # type: ignore[no-any-return]

    @property
    def checksum(self) -> str | None:
        """As it was recorded; `manual` in a row that was put in by hand."""
        return self[1]  # type: ignore[no-any-return]

    @property
    def in_progress(self) -> str | None:
        """'up' or 'down' where a migration outside a transaction began and has not ended."""
        return self[2]  # type: ignore[no-any-return]

    @property
    def description(self) -> str | None:
        """As it was applied."""
        return self._get(3)  # type: ignore[no-any-return]

    @property
    def up(self) -> str | None:
        """The statements as applied, a JSON array."""
        return self._get(4)  # type: ignore[no-any-return]

    @property
    def down(self) -> str | None:
        """The statements that roll it back, a JSON array."""
        return self._get(5)  # type: ignore[no-any-return]

    @property
    def use_transaction(self) -> bool:
        """The flag of the migration."""
        return bool(self._get(6) != 0)

    @property
    def applied_at(self) -> str | None:
        """When, as text in UTC."""
        return self._get(7)  # type: ignore[no-any-return]

    @property
    def execution_time(self) -> float | None:
        """How long it took, in milliseconds. None also where something was written that is no time."""
        time = self._get(8)
        return time if isinstance(time, (int, float)) and abs(time) < _ENDLESS else None

    @property
    def has_bad_time(self) -> bool:
        """Whether something was written as its execution_time that is no time."""
        return self._get(8) is not None and self.execution_time is None

    @property
    def foreign_keys(self) -> bool:
        """The flag of the migration."""
        return bool(self._get(9) != 0)

    @property
    def backward_compatible(self) -> bool:
        """The flag of the migration; False where it was not read."""
        return bool(self._get(10))

    @property
    def note(self) -> str | None:
        """What was repaired by hand, a line each; see agentdb.engine.repair."""
        return self._get(11)  # type: ignore[no-any-return]

    @property
    def applied_after(self) -> str | None:
        """Where this one was applied out of order: the newest id that was applied already, a dot, and its position
        behind that; as in 005.2. No clock tells the order."""
        return self._get(12)  # type: ignore[no-any-return]

    def _progress(self) -> tuple[str, int, str, str | None] | None:
        """Direction, number and fingerprint of the statements that are done, where the last line of the note tells that; and
        where the next one stands, if a part of it is done."""
        direction, _, rest = (self.note or "").rpartition("\n")[2].partition(": ")
        number, _, mark = rest.partition(DONE)
        # Other scripts have digits, too; and int() refuses very long numbers.
        if direction in (UP, DOWN) and number.isdecimal() and number.isascii() and len(number) < 10:
            mark, _, position = mark.partition(POSITION)
            return (direction, int(number), mark, position or None) if len(mark) == _MARK_LENGTH else None
        return None

    @property
    def own_note(self) -> str | None:
        """The note without what a migration under way has put there."""
        note = self.note or ""
        return (note.rpartition("\n")[0] if self._progress() else note).rstrip("\n") or None

    def statements_done(self, direction: str) -> int:
        """How many statements of a migration that is under way in this direction, outside a transaction, are done."""
        found = self._progress() if self.in_progress == direction else None
        return found[1] if found is not None and found[0] == direction else 0

    def done_of(self, direction: str, items: tuple[Item, ...]) -> int | None:
        """How many of these are done. None where those that are done are others."""
        found = self._progress() if self.in_progress == direction else None
        if found is None or found[0] != direction:
            return 0
        _, done, mark, position = found
        if position is not None:
            item = items[done] if done < len(items) else ""
            if isinstance(item, str) or not item.fits(position):
                return None
        return done if not done or mark == mark_of(items[:done]) else None

    @property
    def position(self) -> str | None:
        """Where a Backfill stands, a part of whose rows is done; see agentdb.engine.backfill.position."""
        found = self._progress()
        return found[3] if found is not None and found[0] == self.in_progress else None

    @property
    def is_struck_out(self) -> bool:
        """Whether mark_reverted() has declared it not applied: it is kept for its note alone."""
        return self.in_progress == UP and STRUCK_OUT in (self.note or "").rpartition("\n")[2]


#: Hexadecimal digits of a fingerprint of statements.
_MARK_LENGTH = 16


def mark_of(items: tuple[Item, ...]) -> str:
    """The fingerprint of statements, short."""
    from agentdb.engine.canonical_text import fingerprint

    return fingerprint(as_json(items))[:_MARK_LENGTH]


def as_json(statements: tuple[Item, ...]) -> str:
    """The items of an up or a down as the table keeps them."""
    global _quoted, _encode
    if not statements:
        return "[]"
    if _quoted is None or _encode is None:
        from json.encoder import JSONEncoder, encode_basestring  # with something to record, its 4 ms do not matter

        _quoted = encode_basestring
        _encode = JSONEncoder(ensure_ascii=False, default=_form).encode
    try:
        return f"[{', '.join(map(_quoted, statements))}]"  # type: ignore[arg-type]
    except TypeError:  # one is no text
        return _encode(statements)


def _form(item: Any) -> Any:
    return item.form


def recorded_of(migration: Migration) -> dict[str, Any]:
    """What a row keeps of the migration itself."""
    return {
        "id": migration.id,
        "description": migration.description,
        "checksum": migration.checksum,
        "up": as_json(migration.up),
        "down": as_json(migration.down),
        "use_transaction": migration.use_transaction,
        "foreign_keys": migration.foreign_keys,
        "backward_compatible": migration.backward_compatible,
    }
