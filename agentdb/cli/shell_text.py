"""One SQL statement as the sqlite3 shell can be fed with it.

The shell reads lines. One that begins with `.` or `#` where no statement is open is a command of its own, and one that is
only `/` or `go` ends a statement. So what would leave a quote open, or end early, cannot stand in a script.
"""

from __future__ import annotations

import re
import sqlite3

from agentdb.errors import MigrationError
from agentdb.sql.lexer import keyword, split

# What the shell passes over as a whole; or, as a group, the front of a line that it could take for the end of a statement.
_TERMINATOR = re.compile(
    r"""'[^']*+'|"[^"]*+"|`[^`]*+`|\[[^]]*+\]|--[^\n]*+|/\*.*?\*/|^([ \t]*)(?=(?:/|go)[ \t]*(?:$|--|/\*))""",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_COMMAND = re.compile(r"^[.#]", re.MULTILINE)


def closed(sql: str) -> str:
    """The statement with its `;`, where it works: not inside a comment at the end. A comment alone stays what it is."""
    found = split(sql)
    text = found[0] + ";" if found else sql
    return _TERMINATOR.sub(lambda match: match[0] if match[1] is None else match[1] + "/**/ ", text)


def check(migration_id: str, statements: list[str]) -> None:
    """Raises MigrationError `not_for_a_script` where the shell would not read one of them as one statement."""
    for number, sql in enumerate(statements, 1):
        if not _is_one(sql):
            raise MigrationError(
                f"statement {number} of migration {migration_id} cannot be in a script: "
                "it is not one whole SQL statement",
                code="not_for_a_script",
                migration_id=migration_id,
                statement_number=number,
            )


def _is_one(sql: str) -> bool:
    found = split(sql)
    if len(found) > 1 or (found and not keyword(sql)) or "\0" in sql:
        return False
    # The shell asks the same function whether a statement has ended.
    if not sqlite3.complete_statement(sql + "\n;"):
        return False
    lines = [match.start() for match in _COMMAND.finditer(sql)]
    return not any(sqlite3.complete_statement(sql[:start]) for start in lines)
