"""What a migration is: its parts, what may stand in them, and its checksum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentdb.clients.statements import pragma_with_argument, switches_connection, switches_foreign_keys
from agentdb.engine.canonical_text import canonical, escaped, fingerprint, is_encodable
from agentdb.errors import InvalidMigrationError
from agentdb.frozen import Record
from agentdb.sql.lexer import TRANSACTION_CONTROL, count, count_and_end, keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, TypeAlias

    from agentdb.engine.backfill.specification import Backfill
    from agentdb.engine.python_step.specification import PythonStep
    from agentdb.engine.rebuild.specification import RebuildTable

    #: An item of an up or a down: a statement, or what becomes several when it is run.
    Item: TypeAlias = str | RebuildTable | PythonStep | Backfill

#: The checksum of a row that somebody put into the tracking table by hand.
MANUAL = "manual"
#: Digits in an id at the most; a time stamp to the nanosecond has 23.
MAX_ID_DIGITS = 32
#: The default of allows_loss: the one empty tuple, so that a start tells by identity that there is nothing to check.
_NOTHING: tuple[str, ...] = ()
#: The same of silences.
_NO_SILENCES: Mapping[str, str] = {}


def number_of(migration_id: object) -> int:
    """The number that an id is. Raises InvalidMigrationError `invalid_id` unless it is a str of ASCII digits."""
    if (
        type(migration_id) is str
        and migration_id.isdigit()
        and migration_id.isascii()
        and len(migration_id) <= MAX_ID_DIGITS
    ):
        return int(migration_id)
    raise InvalidMigrationError(
        f"{migration_id!r} is not a migration id", code="invalid_id", migration_id=str(migration_id)
    )


class Migration(Record):
    """One numbered step of a schema.

    id: digits; compared as a number. up: a statement, or a sequence of single statements, RebuildTable, PythonStep and
    Backfill; one that is empty, or only a comment, does nothing, and validation warns of it. down: what
    undoes it; empty means that it cannot be rolled back. created_at: when it was written, for people. use_transaction:
    False for VACUUM and its like, which then may run more than once if the process dies in between; other statements of it
    have a transaction each, and run once. A Backfill implies it; RebuildTable and PythonStep need a transaction.

    foreign_keys: False runs up and down without them, and rolls back if a reference dangles that did not before; a
    RebuildTable implies it. allows_loss: what the up may lose rows of, or values of a nullable foreign-key column of:
    "table" or "table.column"; any other loss rolls it back. backward_compatible: True where the builds before it work on
    with a database that has it. accepts: checksums of earlier texts of it that count as this one, for the day when a
    migration was released that fails on some machines. silences: rules of the linter that do not count here, each with its
    reason; see agentdb.tools.lint.

    Raises InvalidMigrationError (a MigrationError and a ValueError) for what can never be run.
    """

    id: str
    description: str
    up: tuple[Item, ...]
    down: tuple[Item, ...]
    created_at: datetime | str | None
    use_transaction: bool
    # Of the class where they are not given: every start makes every migration, and few are given one.
    foreign_keys: bool = True
    allows_loss: tuple[str, ...] = _NOTHING
    backward_compatible: bool = False
    accepts: tuple[str, ...] = _NOTHING
    if TYPE_CHECKING:
        number: int = 0
        checksum: str = ""

    def __init__(
        self,
        id: str,
        description: str,
        up: Item | Iterable[Item],
        down: Item | Iterable[Item] = (),
        created_at: datetime | str | None = None,
        use_transaction: bool = True,
        *,
        foreign_keys: bool = True,
        allows_loss: Iterable[str] = _NOTHING,
        backward_compatible: bool = False,
        accepts: Iterable[str] = _NOTHING,
        silences: Mapping[str, str] = _NO_SILENCES,
    ) -> None:
        number = int(id) if type(id) is str and id.isdigit() and len(id) < 20 and id.isascii() else number_of(id)
        if type(description) is not str or not description or not (description.isprintable() or _is_text(description)):
            raise InvalidMigrationError(
                f"migration {id} needs a description in plain text, not {description!r}", migration_id=id
            )
        if type(use_transaction) is not bool:
            raise InvalidMigrationError(f"use_transaction of migration {id} is {use_transaction!r}", migration_id=id)
        if created_at is not None and type(created_at) is not str and not hasattr(created_at, "isoformat"):
            raise InvalidMigrationError(f"created_at of migration {id} is {created_at!r}", migration_id=id)
        ups = up if type(up) is tuple else _sequence(id, "up", up)
        downs = down if type(down) is tuple else _sequence(id, "down", down)
        joined = _joined_if_plain(ups)
        is_without_foreign_keys = False
        if joined is None or (downs and _joined_if_plain(downs) is None):
            ups, downs, use_transaction, is_without_foreign_keys = _checked(id, ups, downs, use_transaction, joined)
        state = self.__dict__
        state["id"] = id
        state["description"] = description
        state["up"] = ups
        state["down"] = downs
        state["created_at"] = created_at
        state["use_transaction"] = use_transaction
        state["number"] = number
        state["checksum"] = _checksum(number, ups, joined)
        if foreign_keys is not True or allows_loss is not _NOTHING or backward_compatible is not False:
            self._set_flags(foreign_keys, allows_loss, backward_compatible)
        if accepts is not _NOTHING:
            self._set_accepts(accepts)
        if silences is not _NO_SILENCES:
            self._set_silences(silences)
        if is_without_foreign_keys:
            state["foreign_keys"] = False
        if not use_transaction and not self.foreign_keys:
            raise InvalidMigrationError(
                f"migration {id} works without foreign keys, so it cannot do without a transaction", migration_id=id
            )

    def _set_flags(self, foreign_keys: object, allows_loss: object, backward_compatible: object) -> None:
        for name, value in (("foreign_keys", foreign_keys), ("backward_compatible", backward_compatible)):
            if type(value) is not bool:
                raise InvalidMigrationError(f"{name} of migration {self.id} is {value!r}", migration_id=self.id)
        names = tuple(allows_loss) if isinstance(allows_loss, (tuple, list, set, frozenset)) else (None,)
        if not all(type(name) is str and name for name in names):
            raise InvalidMigrationError(
                f"allows_loss of migration {self.id} is {allows_loss!r}; it is a tuple of names of tables",
                migration_id=self.id,
            )
        self.__dict__.update(foreign_keys=foreign_keys, allows_loss=names, backward_compatible=backward_compatible)

    def _set_accepts(self, accepts: object) -> None:
        found = tuple(accepts) if isinstance(accepts, (tuple, list, set, frozenset)) else (accepts,)
        for checksum in found:
            if type(checksum) is not str or not _is_checksum(checksum):
                raise InvalidMigrationError(
                    f"accepts of migration {self.id} has {checksum!r}; it is a tuple of checksums",
                    migration_id=self.id,
                    remedy="Copy the checksum of the earlier text as it was recorded: `v1:` and 64 digits.",
                )
        self.__dict__["accepts"] = found

    def _set_silences(self, silences: object) -> None:
        found = dict(silences) if isinstance(silences, dict) else {None: None}
        for rule, reason in found.items():
            if type(rule) is not str or not rule or type(reason) is not str or not reason.strip():
                raise InvalidMigrationError(
                    f"silences of migration {self.id} is {silences!r}; it is a dict of rules with their reasons",
                    migration_id=self.id,
                )
        self.__dict__["silences"] = found

    def is_of(self, checksum: str | None) -> bool:
        """Whether a recorded checksum is that of this migration: of its text, of an earlier one, or made by hand."""
        return checksum == self.checksum or checksum == MANUAL or checksum in self.accepts

    @classmethod
    def recorded(
        cls,
        id: str,
        description: str,
        up: tuple[Item, ...],
        down: tuple[Item, ...],
        use_transaction: bool,
        foreign_keys: bool = True,
    ) -> Migration:
        """A migration as a database remembers it; this build may never have had it."""
        migration = cls.__new__(cls)
        items = [item for item in (*up, *down) if not isinstance(item, str)]
        migration.__dict__.update(
            id=id,
            description=description,
            up=up,
            down=down,
            created_at=None,
            # Such items imply both, whatever somebody has written into the row.
            use_transaction=any(item.in_transaction for item in items) if items else use_transaction,
            foreign_keys=foreign_keys and not any(item.without_foreign_keys for item in items),
            number=(number := number_of(id)),
            checksum=_checksum(number, up, None),
        )
        return migration

    @property
    def needs_transaction(self) -> bool:
        """Whether its up cannot run outside a transaction."""
        return not self.foreign_keys or any(not isinstance(item, str) and item.in_transaction for item in self.up)

    #: Whether it was loaded from SQL files, which have lines where Migration has arguments; see agentdb.engine.loader.
    _is_of_file = False

    @property
    def is_of_file(self) -> bool:
        """Whether it was loaded from SQL files."""
        return self._is_of_file

    #: No part of what it is: two migrations are equal whatever a linter is told of them.
    silences = _NO_SILENCES
    #: The up file that it was loaded from.
    _file: str | None = None

    @property
    def file(self) -> str | None:
        """The path of the up file that it was loaded from; None where it came from elsewhere."""
        return self._file

    @property
    def label(self) -> str:
        """`001 (description)`, for messages."""
        return f"{self.id} ({self.description})"


def _is_checksum(text: str) -> bool:
    return len(text) == 67 and text[:3] == "v1:" and all(char in "0123456789abcdef" for char in text[3:])


def _sequence(id: str, part: str, given: object) -> tuple[Any, ...]:
    if part == "down" and (given is None or given == ""):
        return ()
    if given is ...:
        raise InvalidMigrationError(
            f"the {part} of migration {id} is not written yet", code="no_statement", migration_id=id
        )
    if isinstance(given, str) or hasattr(given, "canonical_json"):
        return (given,)
    if isinstance(given, (tuple, list)):
        return tuple(given)
    if isinstance(given, (bytes, dict, set, frozenset)) or not isinstance(given, Iterable):
        raise InvalidMigrationError(
            f"the {part} of migration {id} is a {type(given).__name__}, not SQL or a sequence of SQL", migration_id=id
        )
    return tuple(given)


#: Beginnings of statements that are never transaction control, the most frequent first.
_PLAIN_BEGINNINGS = ("CREATE ", "INSERT ", "UPDATE ", "DELETE ", "ALTER T", "DROP TA", "DROP IN", "DROP TR", "DROP VI")
#: Characters that mean nothing to the canonical text and to JSON, but the line feed, which has one escape there; and, but
#: the `;`, nothing to what is one statement.
_PLAIN_CHARACTERS = bytes(code for code in range(32, 127) if code not in b'"\\') + b"\n"


def _joined_if_plain(statements: tuple[Any, ...]) -> str | None:
    """The statements as the canonical JSON has them, except for line feeds, where all is in order at a glance; else None.

    Every start makes every migration, and few hold more than this: plain characters, no blank at the end of a line, and
    a beginning that is never transaction control.
    """
    try:
        joined = '","'.join(statements)
    except TypeError:
        return None
    for sql in statements:
        if not sql.startswith(_PLAIN_BEGINNINGS) or sql[-1] <= " ":  # any() would cost twice the loop
            return None
    if ";" in joined and not all(";" not in sql or _is_plain_trigger(sql) for sql in statements):
        return None
    if (
        not joined.isascii()
        or " \n" in joined
        # of the quotes nothing is left but those between the statements
        or len(joined.encode().translate(None, _PLAIN_CHARACTERS)) != 2 * len(statements) - 2
    ):
        return None
    return joined


def _is_plain_trigger(sql: str) -> bool:
    """Whether it is a trigger and nothing behind it: its only `;` with an END is the last."""
    if sql[:15] != "CREATE TRIGGER " or sql[-5:] != ";\nEND":
        return False
    for part in sql.split(";")[1:-1]:
        part = part.lstrip(" \n")
        if part[:3].upper() == "END" or part[:2] in ("--", "/*"):  # behind a comment there might be one
            return False
    return True


def _checked(
    id: str, ups: tuple[Any, ...], downs: tuple[Any, ...], use_transaction: bool, joined: str | None
) -> tuple[tuple[Item, ...], tuple[Item, ...], bool, bool]:
    """Up and down in their canonical texts, use_transaction, and whether an item of them works without foreign keys.

    joined: of the up, from _joined_if_plain(). Raises InvalidMigrationError.
    """
    if joined is None:
        if len(ups) == 1 and type(ups[0]) is str and not count(ups[0]):
            ups = ()  # only a comment: as an empty one, it does nothing
        ups = tuple([check_statement(id, "up", position, sql) for position, sql in enumerate(ups, 1)])
    downs = tuple([check_statement(id, "down", position, sql) for position, sql in enumerate(downs, 1)])
    items = [item for item in (*ups, *downs) if not isinstance(item, str)]
    if items:
        from agentdb.engine.item import check_items

        use_transaction = check_items(id, ups, downs, use_transaction)
    if use_transaction:
        for part, one in (("up", ups), ("down", downs)):
            refuse_without_effect(id, part, one)
    return ups, downs, use_transaction, any(item.without_foreign_keys for item in items)


def _checksum(number: int, up: tuple[Item, ...], joined: str | None) -> str:
    """`v1:` and the SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of {"id": …, "up": […]}.

    The id without leading zeros, so that '1' and '001' are one migration. joined: from _joined_if_plain().
    """
    if joined is None:
        items = ",".join([f'"{escaped(sql)}"' if type(sql) is str else sql.canonical_json for sql in up])  # type: ignore[union-attr]
        return "v1:" + fingerprint(f'{{"id":"{number}","up":[{items}]}}')
    lines = joined.replace("\n", "\\n")
    return "v1:" + fingerprint(f'{{"id":"{number}","up":["{lines}"]}}')


def _is_text(text: str) -> bool:
    return "\0" not in text and is_encodable(text)


def check_statement(id: str, part: str, position: int, sql: object) -> Item:
    """A statement as it is run, in its canonical text. Raises InvalidMigrationError for what no migration may have."""
    if type(sql) is not str:
        from agentdb.engine.item import MigrationItem

        if isinstance(sql, MigrationItem):
            return sql  # type: ignore[return-value]  # its subclasses are those of Item
        raise InvalidMigrationError(
            f"statement {position} of the {part} of migration {id} is a {type(sql).__name__}, not SQL",
            migration_id=id,
            statement_number=position,
        )
    text = canonical(sql)
    number, has_stray_end = count_and_end(text)
    if number != 1:
        code = "no_statement" if number == 0 else "many_statements"
        raise _refused(id, part, position, text, f"holds {number or 'no'} statement{'s' * (number > 1)}", code)
    if has_stray_end:
        raise _refused(id, part, position, text, "has something after its `;`", "many_statements")
    word = keyword(text)
    if word in TRANSACTION_CONTROL:
        raise _refused(id, part, position, text, f"is {word}", "control_statement")
    if word == "PRAGMA" and switches_foreign_keys(text):
        raise _refused(id, part, position, text, "switches foreign keys", "foreign_keys_stay_on")
    if word == "PRAGMA" and (switch := switches_connection(text)) is not None:
        raise _refused(id, part, position, text, f"sets {switch}, which would stay set", "session_pragma")
    if "\0" in text:
        raise _refused(id, part, position, text, "holds a NUL character", "invalid_migration")
    if not is_encodable(text):
        raise _refused(id, part, position, text, "holds a lone surrogate", "invalid_migration")
    return text


def refuse_without_effect(id: str, part: str, items: Iterable[Item]) -> None:
    """Raises InvalidMigrationError for a PRAGMA that SQLite ignores inside a transaction."""
    for position, item in enumerate(items, 1):
        if type(item) is str and keyword(item) == "PRAGMA":
            name = pragma_with_argument(item)
            if name in ("auto_vacuum", "journal_mode"):
                why = f"sets {name}, which has no effect inside a transaction"
                raise _refused(id, part, position, item, why, "no_effect_inside")


def _refused(id: str, part: str, position: int, sql: str, why: str, code: str) -> InvalidMigrationError:
    return InvalidMigrationError(
        f"statement {position} of the {part} of migration {id} {why}: {' '.join(sql[:4096].split())[:160]}",
        code=code,
        migration_id=id,
        statement=sql,
        statement_number=position,
    )
