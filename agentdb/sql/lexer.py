"""The tokens of SQL, and where one statement ends, by the rules of SQLite's own tokenizer.

Text that SQLite would refuse anyway (an unterminated string, a variable without a name) gets an answer too: nothing
here raises. One legal text is divided where SQLite would not divide it. SQLite takes any token among the arguments of
CREATE VIRTUAL TABLE; here a bare `;` ends the statement, as it does for sqlite3_complete().
"""

from __future__ import annotations

from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

TRANSACTION_CONTROL: frozenset[str] = frozenset(("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"))
#: Kinds of tokens: a bare word, a name or text in quotes, anything else. White space and comments are none.
WORD, QUOTED, OTHER = "word", "quoted", "other"

# A byte order mark is white space to SQLite wherever a token may begin, and part of a name inside one. The vertical tab
# is white space only after other white space, else an error; taking it for white space at the edges of a statement
# divides no legal text differently.
_SPACE = " \t\n\v\f\r"
_BLANK = _SPACE + "\ufeff"
_EMPTY = _BLANK + ";"
_VERBS = frozenset(("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"))

# The grammar. `*+` gives nothing back: what a repeat could give back costs memory, a hundred bytes for a character.
_COMMENT = r"--[^\n]*+\n?|/\*(?=.)[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?"  # `/*` at the very end is a division and a star
_IN_QUOTES = (
    r"""'[^']*+(?:''[^']*+)*+'?|"[^"]*+(?:""[^"]*+)*+"?|`[^`]*+(?:``[^`]*+)*+`?|\[[^\]]*+\]?"""  # or up to the end
)
_NAME = r"[A-Za-z0-9_$\x80-\U0010ffff]"
_BARE_WORD = rf"[A-Za-z_\x80-\U0010ffff]{_NAME}*+"
# A variable may have a TCL suffix, `::…` and `(…)`. White space cuts the suffix off, and SQLite refuses it. It is counted
# in: without it the open parenthesis would swallow a `;` put behind.
_VARIABLE = rf"[:@#$](?:::)*+(?:{_NAME}(?:{_NAME}|::)*+(?:\([^){_SPACE}]*+[){_SPACE}]?)?)?"
_NUMBER = rf"[0-9](?:{_NAME}|\.)*+|\?[0-9]*+"
_INSIDE = (
    rf"[{_BLANK}]|{_COMMENT}|{_BARE_WORD}|[,.=<>+*|&~%!]++|{_IN_QUOTES}|{_NUMBER}|{_VARIABLE}|(?!--|/\*.)[^;(){_BLANK}]"
)
_PATTERNS = {
    "token": rf"(?P<blank>[{_BLANK}]++|{_COMMENT})|(?P<quoted>{_IN_QUOTES})|(?P<word>{_BARE_WORD})"
    rf"|(?P<other>{_NUMBER}|{_VARIABLE}|.)",
    # From one `;` to behind the last token before the next.
    "statement": rf"(?:(?:[{_BLANK}]|{_COMMENT})*+"
    rf"(?:{_BARE_WORD}|[(),.=<>+*|&~%!]++|{_IN_QUOTES}|{_NUMBER}|{_VARIABLE}|(?!--|/\*.)[^;{_BLANK}])++)*+",
    # Parentheses, with those in them and those in those: rows of values, most often.
    "parentheses": rf"\((?:{_INSIDE}|\((?:{_INSIDE}|\((?:{_INSIDE})*+\))*+\))*+\)",
    "word": _BARE_WORD,
    **{blank: rf"(?:[{blank}]|{_COMMENT})*+" for blank in (_BLANK, _EMPTY, _SPACE, " \t\n\f\r")},
}
_compiled: dict[str, re.Pattern[str]] = {}


def _pattern(name: str) -> re.Pattern[str]:
    """One of them, compiled when it is first asked for: a start with nothing to run needs none."""
    pattern = _compiled.get(name)
    if pattern is None:
        import re

        pattern = _compiled[name] = re.compile(_PATTERNS[name], re.DOTALL)
    return pattern


class Token(Record):
    """One token of SQL: `text` without its quotes, and where it stands."""

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these bare words, given in upper case."""
        return self.kind == WORD and self.text.upper() in words

    @property
    def is_name(self) -> bool:
        """Whether it can be the name of a table or column."""
        return self.kind != OTHER


def tokens(sql: str) -> list[Token]:
    """The tokens of a statement."""
    return list(read_tokens(sql))


def read_tokens(sql: str) -> Iterator[Token]:
    """The tokens of a statement, each when it is asked for."""
    for match in _pattern("token").finditer(sql):
        kind = match.lastgroup
        if kind is None or kind == "blank":
            continue
        text = match.group()
        if kind == QUOTED:
            mark = text[-1]
            text = text[1:-1] if mark == "]" else text[1:-1].replace(mark * 2, mark)
        yield Token(kind, text, match.start(), match.end())


def words_of(sql: str) -> Iterator[str]:
    """The tokens of a statement that are bare words, in upper case, and '' for every other."""
    for match in _pattern("token").finditer(sql):
        kind = match.lastgroup
        if kind != "blank":
            yield match.group().upper() if kind == WORD else ""


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
    return 1 if _skip(sql, 0, _EMPTY) < len(sql) else 0


def count_and_end(sql: str) -> tuple[int, bool]:
    """Return count(sql), and whether `sql` is one statement with more behind its `;` than blanks and comments, which sqlite3
    takes for another."""
    if ";" not in sql:
        return count(sql), False
    spans = _spans(sql)
    if len(spans) != 1:
        return len(spans), False
    at = _skip(sql, spans[0][1], _SPACE)
    return 1, sql[at : at + 1] == ";" and _skip(sql, at + 1, " \t\n\f\r") < len(sql)


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
    """Return what the first statement of `sql` does: its keyword, or for WITH the one behind the table expressions.

    'WITH' where none follows. For EXPLAIN it is 'EXPLAIN'.
    """
    word = keyword(sql)
    return _behind_with(sql) if word == "WITH" else word


def _behind_with(sql: str) -> str:
    depth = 0
    end = _word(sql, 0, _EMPTY)[1]
    read, enclosed = _pattern("token").match, _pattern("parentheses").match
    while (match := enclosed(sql, end) or read(sql, end)) is not None:
        start, end = match.span()
        char = sql[start]
        if char == ";":
            break
        if match.lastgroup is not None and (char == "(" or char == ")"):
            depth += 1 if char == "(" else -1
        elif not depth and match.lastgroup == WORD:
            word, end = _word(sql, start)
            # Of the verbs, only REPLACE may also be the name of a table expression, and only the verb has INTO behind it.
            if word in _VERBS and (word != "REPLACE" or _word(sql, end)[0] == "INTO"):
                return word
    return "WITH"


def _skip(sql: str, at: int, blank: str = _BLANK) -> int:
    """Return where the first token at or after `at` begins, past `blank` and comments; len(sql) if there is none."""
    return _pattern(blank).match(sql, at).end()  # type: ignore[union-attr]  # it matches anything


def _word(sql: str, at: int, blank: str = _BLANK) -> tuple[str, int]:
    """Return the bare ASCII word that is the next token, in upper case ('' if that is another token), and its end."""
    at = _skip(sql, at, blank)
    match = _pattern("word").match(sql, at)
    if match is None:
        return "", at
    word, end = match.group(), match.end()
    # Upper-casing must not turn a foreign letter into a keyword: the long s becomes S.
    if not word.isascii() or (word in ("x", "X") and sql.startswith("'", end)):
        return "", end
    return word.upper(), end


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


def _spans(sql: str) -> list[tuple[int, int]]:
    """Return where each statement begins and where its last token ends."""
    size = len(sql)
    read = _pattern("statement").match
    may_have_trigger = "trigger" in sql.lower()
    spans: list[tuple[int, int]] = []
    start = 0
    while True:
        last = read(sql, start).end()  # type: ignore[union-attr]  # it matches anything
        at = _skip(sql, last)  # at the `;`, or the end
        if at < size and last > start and may_have_trigger and _opens_trigger(sql, start):
            last = _trigger_end(sql, at)
            at = _skip(sql, last)
        if last > start:
            while sql[start] in _BLANK:
                start += 1
            spans.append((start, last))
        if at == size:
            return spans
        start = at + 1


def _trigger_end(sql: str, at: int) -> int:
    """Return where a trigger ends, the first `;` of whose body is at `at`: behind the END that stands between two `;`."""
    size = len(sql)
    while True:
        word, end = _word(sql, at + 1)
        if word == "END" and sql.startswith(";", _skip(sql, end)):
            return end
        last = _pattern("statement").match(sql, at + 1).end()  # type: ignore[union-attr]  # it matches anything
        last = max(last, at + 1)
        at = _skip(sql, last)
        if at == size:
            return last
