"""Which tables a statement names, and where: enough to follow a rename, and to tell what a statement may lose.

Loaded only where there is something to run.
"""

from __future__ import annotations

from itertools import islice

from agentdb.sql.lexer import OTHER, WORD, Token, read_tokens, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_VERBS = frozenset(("INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "VALUES"))
#: What can change no row.
_READING = frozenset(("SELECT", "VALUES", "EXPLAIN"))


def _updates_on_conflict(sql: str) -> bool:
    """Whether an INSERT has DO UPDATE, as words."""
    if "conflict" not in sql.lower():  # the words in front of it; many rows need not be read for that
        return False
    before = ""
    for word in words_of(sql):
        if before == "DO" and word == "UPDATE":
            return True
        before = word
    return False


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def folded(name: str) -> str:
    """A name as SQLite compares it."""
    return "".join([char.lower() if char < "\x80" else char for char in name])


def name_at(found: Sequence[Token], at: int) -> int | None:
    """Where the name itself stands of `[schema .] name` at `at`; None if no name does."""
    if at + 2 < len(found) and found[at + 1].text == "." and found[at + 1].kind == OTHER:
        at += 2
    return at if at < len(found) and found[at].is_name else None


class Statement:
    """What one statement does to which table.

    verb: CREATE, DROP TABLE, ALTER ADD, ALTER RENAME, ALTER DROP, INSERT, REPLACE (also OR REPLACE), UPSERT,
    UPDATE, DELETE, or another keyword as it is. table: the one that it names, where it names one to change.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql
        # Read as far as it is asked for: a statement may be an INSERT of a million values, and it begins with its table.
        self._tokens: list[Token] = []
        self._unread = read_tokens(sql)
        self.verb, at = self._verb()
        self.table: str | None = None
        self._behind = at
        if self.verb in ("DROP", "ALTER"):
            self._definition(at)
        elif self.verb in ("INSERT", "REPLACE", "UPDATE", "DELETE"):
            self._manipulation(at)

    def _has(self, at: int) -> bool:
        """Whether there is a token at `at`; then it is read."""
        if at >= len(self._tokens):
            self._tokens += islice(self._unread, at + 1 - len(self._tokens))
        return at < len(self._tokens)

    def _is(self, at: int, *words: str) -> bool:
        return self._has(at) and self._tokens[at].is_word(*words)

    def _verb(self) -> tuple[str, int]:
        if not self._has(0) or self._tokens[0].kind != WORD:
            return "", 0
        verb = self._tokens[0].text.upper()
        if verb != "WITH":
            return verb, 1
        depth = 0
        at = -1
        while self._has(at := at + 1):
            token = self._tokens[at]
            if token.kind == OTHER:
                depth += (token.text == "(") - (token.text == ")")
            elif not depth and token.is_word(*_VERBS) and (not token.is_word("REPLACE") or self._is(at + 1, "INTO")):
                return token.text.upper(), at + 1
        return verb, 1

    def _named(self, at: int) -> int:
        """Take the table's name at `at`; return where what follows it begins."""
        self._has(at + 2)
        where = name_at(self._tokens, at)
        if where is None:
            return at
        self.table = self._tokens[where].text
        return where + 1

    def _definition(self, at: int) -> None:
        if not self._is(at, "TABLE"):
            return
        at += 1
        if self.verb == "DROP":
            self.verb = "DROP TABLE"
            self._named(at + 2 if self._is(at, "IF") else at)
            return
        self._behind = self._named(at)
        if self._is(self._behind, "ADD", "RENAME", "DROP"):
            self.verb = f"ALTER {self._tokens[self._behind].text.upper()}"

    def _manipulation(self, at: int) -> None:
        replaces = self.verb == "REPLACE"
        if self._is(at, "OR"):
            replaces = replaces or self._is(at + 1, "REPLACE")
            at += 2
        if self._is(at, "INTO", "FROM"):
            at += 1
        self._named(at)
        if self.verb == "INSERT" and _updates_on_conflict(self._sql):
            self.verb = "UPSERT"
        if replaces:
            self.verb = "REPLACE"

    @property
    def is_harmless(self) -> bool:
        """Whether no row and no reference can go by it: it reads, creates, adds, renames, or inserts beside others.

        Where a table has triggers, or replaces by itself, an INSERT may do more; see agentdb.engine.guards.losses.
        """
        return self.verb in ("CREATE", "INSERT", "ALTER ADD", "ALTER RENAME") or self.verb in _READING

    @property
    def creates_trigger(self) -> bool:
        """Whether it is CREATE TRIGGER."""
        at = 2 if self._is(1, "TEMP", "TEMPORARY") else 1
        return self.verb == "CREATE" and self._is(at, "TRIGGER")

    @property
    def renamed_table(self) -> tuple[str, str] | None:
        """(before, after), folded, where it renames a table."""
        at = self._behind
        if self.verb == "ALTER RENAME" and self.table is not None and self._is(at + 1, "TO") and at + 3 == self._length:
            return folded(self.table), folded(self._tokens[at + 2].text)
        return None

    @property
    def renamed_column(self) -> tuple[str, str, str] | None:
        """(table, before, after), folded, where it renames a column."""
        if self.verb != "ALTER RENAME" or self.table is None or self.renamed_table is not None:
            return None
        at = self._behind + 1
        if self._is(at, "COLUMN") and not (self._is(at + 1, "TO") and at + 3 == self._length):
            at += 1
        if at + 3 != self._length:
            return None
        return folded(self.table), folded(self._tokens[at].text), folded(self._tokens[at + 2].text)

    @property
    def _length(self) -> int:
        self._tokens += self._unread
        found = self._tokens
        return len(found) - (bool(found) and found[-1].text == ";" and found[-1].kind == OTHER)
