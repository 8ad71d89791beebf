"""What one SQL statement is, by the rules of SQLite's own tokenizer.

Text that SQLite would refuse anyway (an unterminated string, a variable without a name) gets an answer too: nothing
here raises. One legal text is divided where SQLite would not divide it: among the arguments of CREATE VIRTUAL TABLE,
where SQLite takes any token at all, a bare `;` ends the statement, as it does for sqlite3_complete().
"""

from __future__ import annotations

TRANSACTION_CONTROL: frozenset[str] = frozenset(("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"))

# A byte order mark is white space to SQLite wherever a token may begin, and part of a name inside one. The vertical tab
# is white space only after other white space, else an error; taking it for white space at the edges of a statement
# divides no legal text differently.
_SPACE = " \t\n\v\f\r"
_BLANK = _SPACE + "\ufeff"
_EMPTY = _BLANK + ";"
_DIGITS = "0123456789"
_NO_WORD = _DIGITS + "$"
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$")

# One byte per character of the text, so that a single find() jumps to the next character that may change the state.
_MARKED = b";'\"`[-/:@#$"
_MARKS = bytes(1 if byte in _MARKED else 0 for byte in range(256))
_MARKS_AND_PARENTHESES = bytes(1 if byte in _MARKED + b"()" else 0 for byte in range(256))
_VERBS = frozenset(("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"))
_CLOSING = {"'": "'", '"': '"', "`": "`", "[": "]"}
_CLOSING_BYTES = {mark: closing.encode() for mark, closing in _CLOSING.items()}


def split(script: str) -> list[str]:
    """Return the statements of `script`, each from its first character to its last token, without the `;`.

    Comments before or inside a statement stay with it. Those after its last token go, so that a `;` may be put behind
    any statement; so do pieces that hold nothing but comments. A trigger is one statement with its whole body.
    """
    return [script[start:end] for start, end in _spans(script)]


def count(sql: str) -> int:
    """Return how many statements `sql` holds: len(split(sql)), without the work where the answer is plain."""
    semicolon = sql.find(";")
    if semicolon >= 0 and sql[semicolon + 1 :].strip(_EMPTY):
        return len(_spans(sql))
    if sql[:1].isalpha():
        return 1
    return 1 if _token(sql, 0, _EMPTY) < len(sql) else 0


def count_and_end(sql: str) -> tuple[int, bool]:
    """Return count(sql), and whether `sql` is one statement with more behind its `;` than blanks and comments, which sqlite3
    takes for another."""
    if ";" not in sql:
        return count(sql), False
    spans = _spans(sql)
    if len(spans) != 1:
        return len(spans), False
    at = _token(sql, spans[0][1], _SPACE)
    return 1, sql[at : at + 1] == ";" and _token(sql, at + 1, " \t\n\f\r") < len(sql)


def has_stray_end(sql: str) -> bool:
    """The second part of count_and_end(sql)."""
    return count_and_end(sql)[1]


def keyword(sql: str) -> str:
    """Return the word that opens the first statement of `sql`, in upper case; '' if it does not open with a bare word.

    The word is not looked up in a list of keywords: whatever a newer SQLite calls its statements is returned as well.
    """
    end = sql.find(" ", 0, 12)
    word = sql[:end] if end > 0 else sql
    if word.isalpha() and word.isascii():
        return word.upper()
    return _word(sql, 0, _EMPTY)[0]


def verb(sql: str) -> str:
    """Return what the first statement of `sql` does: its keyword, but for WITH the one behind the table expressions.

    'WITH' where none follows. For EXPLAIN it is 'EXPLAIN'.
    """
    word = keyword(sql)
    return _behind_with(sql) if word == "WITH" else word


def _behind_with(sql: str) -> str:
    sql = sql.replace("''", ",,").replace('""', ",,")  # as in _spans; a comma is no part of any other token
    find_mark = sql.encode("latin-1", "replace").translate(_MARKS_AND_PARENTHESES).find
    at = _word(sql, 0, _EMPTY)[1]
    depth = 0
    while True:
        seen = at
        # The verb stands outside of all parentheses; inside, only what may hold one or close one is looked at.
        at = find_mark(1, at) if depth else _token(sql, at)
        char = sql[at : at + 1] if at >= 0 else ""
        if not char or char == ";":
            return "WITH"
        if char in _CLOSING:
            at = sql.find(_CLOSING[char], at + 1) + 1 or len(sql)
        elif char in ":@#$":
            at = (
                _name_end(sql, at)
                if depth and char == "$" and _continues_name(sql, seen, at)
                else _variable_end(sql, at)
            )
        elif char in "-/":
            at = _comment_end(sql, at) or at + 1
        elif depth:
            depth += 1 if char == "(" else -1
            at += 1
        else:
            word, end = _word(sql, at)
            # Of the verbs, only REPLACE may also be the name of a table expression, and only the verb has INTO behind it.
            if word in _VERBS and (word != "REPLACE" or _word(sql, end)[0] == "INTO"):
                return word
            depth += char == "("
            at = max(end, at + 1)


def _token(sql: str, at: int, blank: str = _BLANK) -> int:
    """Return where the first token at or after `at` begins, past `blank` and comments; len(sql) if there is none."""
    size = len(sql)
    while at < size:
        char = sql[at]
        if char in blank:
            at += 1
        elif char == "-" or char == "/":
            end = _comment_end(sql, at)
            if not end:
                break
            at = end
        else:
            break
    return at


def _comment_end(sql: str, at: int) -> int:
    """Return where the comment that begins at `at` ends, 0 if none begins there."""
    if sql.startswith("--", at):
        return sql.find("\n", at + 2) + 1 or len(sql)
    # As the last two characters of a text, `/*` is a division and a multiplication sign.
    if sql.startswith("/*", at) and at + 2 < len(sql):
        end = sql.find("*/", at + 2)
        return end + 2 if end >= 0 else len(sql)
    return 0


def _name_end(sql: str, at: int) -> int:
    size = len(sql)
    while at < size and (sql[at] in _NAME or sql[at] >= "\x80"):
        at += 1
    return at


def _word(sql: str, at: int, blank: str = _BLANK) -> tuple[str, int]:
    """Return the bare ASCII word that is the next token, in upper case ('' if that is another token), and its end."""
    at = _token(sql, at, blank)
    end = _name_end(sql, at)
    word = sql[at:end]
    # Upper-casing must not turn a foreign letter into a keyword: the long s becomes S.
    if not word.isascii() or word[:1] in _NO_WORD or (word in ("x", "X") and sql.startswith("'", end)):
        return "", end
    return word.upper(), end


def _variable_end(sql: str, at: int) -> int:
    """Return where the variable that begins at `at` with one of `:@#$` ends, a TCL suffix `::…` and `(…)` included."""
    size = len(sql)
    end = at + 1
    named = False
    while end < size:
        char = sql[end]
        if char in _NAME or char >= "\x80":
            named = True
            end += 1
        elif char == ":" and sql.startswith("::", end):
            end += 2
        elif char == "(" and named:
            end += 1
            while end < size and sql[end] != ")" and sql[end] not in _SPACE:
                end += 1
            # White space cuts the variable off, and SQLite refuses it. The white space is counted in: without it the
            # open parenthesis would swallow a `;` put behind.
            return min(end + 1, size)
        else:
            break
    return end


def _continues_name(sql: str, start: int, at: int) -> bool:
    """Whether the `$` at `at` is part of a name, rather than the beginning of a variable; no token spans `start`."""
    begin = at
    while begin > start and (sql[begin - 1] in _NAME or sql[begin - 1] >= "\x80"):
        begin -= 1
    before = sql[begin:at]
    if begin > start and sql[begin - 1] == "?":
        before = before.lstrip(_DIGITS)
    return bool(before.lstrip(_BLANK))


def _opens_trigger(sql: str, at: int) -> bool:
    """Whether the statement at `at` opens with [EXPLAIN [QUERY PLAN]] CREATE [TEMP|TEMPORARY] TRIGGER."""
    word, end = _word(sql, at)
    if word == "EXPLAIN":
        word, end = _word(sql, end)
        if word == "QUERY":
            word, end = _word(sql, end)
            word, end = _word(sql, end) if word == "PLAN" else ("", end)
    if word != "CREATE":
        return False
    word, end = _word(sql, end)
    while word == "TEMP" or word == "TEMPORARY":
        word, end = _word(sql, end)
    return word == "TRIGGER"


def _trigger_end(sql: str, at: int) -> int:
    """Return where the END between the `;` at `at` and another `;` ends; 0 if something else stands there."""
    word, end = _word(sql, at + 1)
    return end if word == "END" and sql.startswith(";", _token(sql, end)) else 0


def _spans(sql: str) -> list[tuple[int, int]]:
    """Return where each statement begins and where its last token ends."""
    size = len(sql)
    # Characters beyond Latin-1 become `?`, one for one; none of them is marked.
    text = sql.encode("latin-1", "replace")
    # A quote that is doubled inside of quotes ends nothing, and quotes with nothing between hold nothing. Without them each
    # quoted text is one jump: of what is left, every other one opens.
    text = text.replace(b"''", b",,").replace(b'""', b",,")
    find_mark = text.translate(_MARKS).find
    # None stands for a question that is asked at the first `;` of a statement, for most have no other.
    unknown = None if b"trigger" in text.lower() else False
    spans: list[tuple[int, int]] = []
    start = 0  # where the statement begins, blanks before it included
    last = 0  # where its last token ends, as far as it is read; 0 while there is none
    seen = 0  # what lies before this is read; a token never spans it
    in_trigger = unknown
    while True:
        at = find_mark(1, seen)
        char = sql[at] if at >= 0 else ""
        if char in _CLOSING:
            last = seen = text.find(_CLOSING_BYTES[char], at + 1) + 1 or size
            continue
        comment_end = 0
        if not char:
            at = size
        elif char == "-" or char == "/":
            comment_end = _comment_end(sql, at)
            if not comment_end:
                last = seen = at + 1
                continue
        elif char != ";":
            named = char == "$" and _continues_name(sql, seen, at)
            last = seen = _name_end(sql, at) if named else _variable_end(sql, at)
            continue
        if at > seen:
            if sql[at - 1] not in _BLANK:
                last = at
            elif plain := sql[seen:at].rstrip(_BLANK):
                # A byte order mark here may be the end of a name: it stays.
                last = seen + len(plain if plain[-1] in "'\"" else sql[seen:at].rstrip(_SPACE))
        if comment_end:
            seen = comment_end
            continue
        if last:
            if char and in_trigger is None:
                in_trigger = _opens_trigger(sql, start)
            if char and in_trigger:
                trigger_end = _trigger_end(sql, at)
                in_trigger = not trigger_end
                last = seen = trigger_end or at + 1
                continue
            while sql[start] in _BLANK:
                start += 1
            spans.append((start, last))
        if not char:
            return spans
        start = seen = at + 1
        last = 0
        in_trigger = unknown
