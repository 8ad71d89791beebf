from __future__ import annotations

import re
import sqlite3
import time
import timeit
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agentdb.sql.lexer import TRANSACTION_CONTROL, count, has_stray_end, keyword, split, verb

DDL = """CREATE TABLE notes (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
) STRICT"""

TRIGGER = """CREATE TRIGGER touch AFTER UPDATE ON t BEGIN
    UPDATE t SET b = CASE WHEN new.a > 1 THEN 'x;' ELSE 'END;' END WHERE a = new.a;
    SELECT CASE new.a WHEN 1 THEN 2 END; -- END;
END"""

# What SQLite 3.38 and later can begin a statement with.
STATEMENTS = (
    "ALTER ANALYZE ATTACH BEGIN COMMIT CREATE DELETE DETACH DROP END EXPLAIN INSERT PRAGMA REINDEX RELEASE REPLACE "
    "ROLLBACK SAVEPOINT SELECT UPDATE VACUUM VALUES WITH"
)


def verdict(sql: str) -> str:
    """What sqlite3 says to `sql` on a fresh database: 'taken', 'many' (statements), or 'refused' by the parser."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t(a, b)")
        try:
            connection.execute(sql)
        except (sqlite3.ProgrammingError, sqlite3.Warning) as error:
            return "many" if "one statement at a time" in str(error) else "taken"
        except sqlite3.Error:
            return "refused"
        return "taken"


# --- what stands between statements, and inside them -----------------------------------------------------------------

blanks = st.text(" \t\n\f\r", min_size=1, max_size=3)
hazards = st.text("a;'\"`[]-*/ \nEND", max_size=8)
line_comments = hazards.map(lambda text: "--" + text.replace("\n", " ") + "\n")
block_comments = hazards.map(lambda text: "/*" + text.replace("*/", "*;") + " */")
comments = st.one_of(line_comments, block_comments)
# White space at both ends: `-` beside `-`, or `$a` beside `(`, would be another token.
gaps = st.one_of(blanks, st.builds("{}{}{}".format, blanks, comments, blanks))

quoted = st.one_of(
    hazards.map(lambda text: "'" + text.replace("'", "''") + "'"),
    hazards.map(lambda text: '"' + text.replace('"', '""') + '"'),
    hazards.map(lambda text: "`" + text.replace("`", "``") + "`"),
    hazards.map(lambda text: "[" + text.replace("]", "[") + "]"),
)
names = st.text("abzAZ09_$é漢\ufeff\U0001f600", max_size=5).map(lambda text: "n" + text)
tcl_suffixes = st.one_of(
    st.just(""), names.map(lambda name: "::" + name), st.text("a;'\"[-/*(", max_size=5).map(lambda text: f"({text})")
)
variables = st.one_of(
    st.integers(1, 99).map(lambda number: f"?{number}"),
    st.builds("{}{}{}".format, st.sampled_from(":@$"), names, tcl_suffixes),
)
operators = st.sampled_from(["(", ")", ",", "=", "+", "-", "*", "/", "->", "->>", "||", ".", "<>", "?"])
numbers = st.sampled_from(["1", "2.5", ".5", "1e-5", "0x1F", "x'00ff'", "X''"])
tokens = st.one_of(names, quoted, variables, operators, numbers, st.sampled_from(["CASE", "END", "BEGIN", "Select"]))


@st.composite
def plain_statements(draw: st.DrawFn) -> str:
    text = draw(st.one_of(tokens, st.sampled_from(["SELECT", "CREATE TABLE", "explain SELECT", "WITH", "CREATE"])))
    for token in draw(st.lists(tokens, max_size=6)):
        text += draw(gaps) + token
    return text


@st.composite
def triggers(draw: st.DrawFn) -> str:
    prefix = draw(st.sampled_from(["", "", "EXPLAIN", "explain Query Plan"]))
    kind = draw(st.sampled_from(["CREATE TRIGGER", "create temp trigger", "CREATE TEMPORARY TRIGGER"]))
    text = draw(gaps).join(f"{prefix} {kind} touch AFTER INSERT ON t BEGIN".split())
    for _ in range(draw(st.integers(1, 3))):
        case = draw(st.sampled_from(["", "CASE a WHEN 1 THEN 2 END", "CASE WHEN 'END;' THEN \";END;\" END"]))
        text += f"{draw(gaps)}SELECT {draw(plain_statements())} {case}{draw(st.one_of(gaps, st.just('')))};"
    return text + draw(gaps) + draw(st.sampled_from(["END", "end"]))


statements = st.one_of(plain_statements(), plain_statements(), triggers())


separators = st.sampled_from([";", ";", ";", "; ;", ";\r\n", ";\ufeff", "; \v", "; -- dropped\n;", ";/* dropped */;"])


@st.composite
def scripts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A script and the statements that it holds."""
    maybe = st.one_of(gaps, st.just(""))
    script = draw(st.sampled_from(["", "", "\ufeff", "\ufeff ", ";", " ; /* none */ ;"]))
    expected: list[str] = []
    for statement in draw(st.lists(statements, max_size=4)):
        if expected:
            script += draw(separators)
        expected.append("".join(draw(st.lists(st.builds("{}{}".format, comments, blanks), max_size=2))) + statement)
        script += draw(st.one_of(blanks, st.just(""))) + expected[-1] + draw(maybe)
    if draw(st.booleans()):
        script += draw(separators) + draw(maybe)
    return script, expected


# --- text that is no SQL ---------------------------------------------------------------------------------------------

SPECIAL = [*";;;  \n'\"`[]-/*a1é,", "--", "/*", "*/"]
MORE_SPECIAL = [*"$@#:()?\ufeff\v\t0_", "::", "\r\n", "x'"]
WORDS = [
    "BEGIN",
    "END",
    "end",
    "CREATE",
    "TRIGGER",
    "TEMP",
    "TEMPORARY",
    "CASE",
    "EXPLAIN CREATE",
    "SELECT 1",
    "COMMIT",
]
WORDS += ["CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1;", "END;", "SELECT ';'", "CASE WHEN 1 THEN 2 END"]
MORE_WORDS = ["EXPLAIN", "QUERY", "PLAN", "SAVEPOINT s", "ROLLBACK", "INSERT INTO t VALUES (1, ';')", ":a", "$a(;)"]

fuzz = st.lists(st.sampled_from(SPECIAL + MORE_SPECIAL + WORDS + MORE_WORDS), max_size=14).map("".join)
texts = st.one_of(fuzz, fuzz, scripts().map(lambda pair: pair[0]), st.text(max_size=30))
sendable = texts.filter(lambda text: "\0" not in text and not re.search("[\ud800-\udfff]", text))

SEPARATORS = r"(?:[ \t\n\v\f\r\ufeff;]|--[^\n]*(?:\n|\Z)|/\*(?!\Z)(?s:.*?)(?:\*/|\Z))*"


# --- laws ------------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(scripts())
def test_a_script_is_divided_into_the_statements_it_was_made_of(pair: tuple[str, list[str]]) -> None:
    script, expected = pair
    assert split(script) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(statements, max_size=5))
def test_statements_put_together_come_back(parts: list[str]) -> None:
    assert split("; ".join(parts)) == parts
    assert split(";".join(parts) + ";") == parts


@settings(max_examples=300, deadline=None)
@given(texts)
@example("a --b\n; c")
@example("$a(b ; c")
@example("a /* ")
def test_dividing_what_was_divided_changes_nothing(text: str) -> None:
    parts = split(text)
    assert split("; ".join(parts)) == parts
    assert [split(part) for part in parts] == [[part] for part in parts]


@settings(max_examples=300, deadline=None)
@given(texts)
@example("SELECT 1; /*")
@example("SELECT 1 --;\n - 2; \ufeff")
def test_only_separators_and_comments_are_left_out(text: str) -> None:
    pattern = SEPARATORS + "".join(re.escape(part) + SEPARATORS for part in split(text))
    assert re.fullmatch(pattern, text)


@settings(max_examples=300, deadline=None)
@given(texts)
@example("/*;")
@example("'';")
@example("--;")
@example("a;\u3000")
def test_count_is_the_number_of_statements(text: str) -> None:
    assert count(text) == len(split(text))


@settings(max_examples=300, deadline=None)
@given(texts)
@example("SELECT")
@example("\u017fELECT 1")
@example("x'00'")
def test_the_keyword_is_the_same_however_it_is_reached(text: str) -> None:
    small = re.sub("[A-Z]+", lambda letters: letters[0].lower(), text)
    assert keyword(text) == keyword("/**/" + text) == keyword(" ;--\n" + text) == keyword(small)
    parts = split(text)
    assert keyword(text) == (keyword(parts[0]) if parts else "")


@settings(max_examples=800, deadline=None)
@given(sendable)
@example("SELECT 1;/*/;*/")
@example("SELECT 1 AS a$b; SELECT 2")
@example("SELECT a$b(;) FROM t")
@example("SELECT 1;;")
def test_sqlite_agrees_on_what_one_statement_is(text: str) -> None:
    parts = split(text)
    for part in parts:
        assert verdict(part) != "many"
    if len(parts) > 1 and not text.endswith("/*"):
        # sqlite3 takes a final `/*` for a comment; SQLite, which never gets to see it, would not.
        assert verdict(text) != "taken"
    if len(parts) == 1 and verdict(text) == "many":
        # sqlite3 asks only whether anything follows the first `;`, and knows neither empty statements nor these blanks.
        assert text.count(";") > 1 or re.search("[\v\ufeff]", text)


@settings(max_examples=800, deadline=None)
@given(sendable)
@example(" \vCOMMIT")
@example("\ufeff;/**/COMMIT")
def test_the_keyword_tells_what_sqlite_is_about_to_do(text: str) -> None:
    parts = split(text)
    assume(parts)
    actions: set[int] = set()

    def note(action: int, *_: str | None) -> int:
        actions.add(action)
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t(a, b)")
        connection.set_authorizer(note)
        try:
            connection.execute(text if len(parts) == 1 else parts[0])
        except sqlite3.Error:
            pass
    if actions:
        word = keyword(text)
        assert word in STATEMENTS.split(" ")
        if word != "EXPLAIN":
            ends_transactions = {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}
            assert (word in TRANSACTION_CONTROL) == bool(actions & ends_transactions)


@st.composite
def with_statements(draw: st.DrawFn) -> tuple[str, str]:
    """A legal statement that opens with WITH, and its verb."""
    table_names = st.sampled_from(
        ["c", "replace", "Temp", "a$b", '"SELECT"', "[INSERT (]", "`DELETE `", "'UPDATE'", "é"]
    )
    values = st.one_of(hazards.map(lambda text: "'" + text.replace("'", "''") + "'"), variables, st.just("(1 / 2 - 1)"))
    tables = draw(st.lists(table_names, min_size=1, max_size=3, unique=True))
    expressions = [
        f"{table}{draw(gaps)}{draw(st.sampled_from(['', '(k)']))} AS{draw(gaps)}(SELECT {draw(values)} AS k{draw(gaps)})"
        for table in tables
    ]
    tail, word = draw(
        st.sampled_from(
            [
                ("SELECT 1", "SELECT"),
                ("values (1)", "VALUES"),
                ("INSERT INTO t(a) SELECT 1", "INSERT"),
                ("insert or replace into t(a) select 1", "INSERT"),
                ("REPLACE/**/INTO t(a) VALUES (1)", "REPLACE"),
                ("UPDATE t SET a = (SELECT 1)", "UPDATE"),
                ("DELETE FROM t WHERE a IN (SELECT 1)", "DELETE"),
            ]
        )
    )
    opening = draw(st.sampled_from(["WITH", "with recursive", ";--;\nWITH"]))
    return f"{opening}{draw(gaps)}{','.join(expressions)}{draw(gaps)}{tail}", word


@settings(max_examples=300, deadline=None)
@given(with_statements())
def test_the_verb_is_found_behind_table_expressions(pair: tuple[str, str]) -> None:
    sql, word = pair
    assert verdict(sql) == "taken"
    assert verb(sql) == word


# sqlite3_complete() knows neither the parentheses of TCL variables nor the byte order mark nor the vertical tab, and
# takes EXPLAIN with any words behind it.
comparable = st.one_of(
    st.lists(st.sampled_from(SPECIAL + WORDS), max_size=16).map("".join),
    st.lists(
        st.sampled_from([";", ";", "END", "CREATE TRIGGER", "/*;*/", "EXPLAIN QUERY PLAN CREATE TEMP TRIGGER"])
    ).map(" ".join),
)


@settings(max_examples=800, deadline=None)
@given(comparable)
@example("CREATE TRIGGER a;END;")
@example("CREATE TRIGGER a; END b;")
@example("CREATE TRIGGER a; END /*;*/ ;")
def test_a_statement_is_complete_when_sqlite_says_so(text: str) -> None:
    held = count(text)
    assume(held)  # to sqlite3_complete() an empty text is incomplete, to us it ends no statement
    complete = count(text + "\nnext") == held + 1
    assert complete == sqlite3.complete_statement(text)


# --- the traps, one by one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" ;; -- a\n /* b */ ;", [], id="only comments"),
        pytest.param("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"], id="two"),
        pytest.param("SELECT 'it''s; x'; SELECT \"a\"\";\"", ["SELECT 'it''s; x'", 'SELECT "a"";"'], id="quotes"),
        pytest.param("SELECT `a``;`, [b;'] ; x", ["SELECT `a``;`, [b;']", "x"], id="other quotes"),
        pytest.param("SELECT [a]];b]", ["SELECT [a]]", "b]"], id="a bracket has no escape"),
        pytest.param("SELECT 'a\\'; x", ["SELECT 'a\\'", "x"], id="a backslash is no escape"),
        pytest.param("-- why; \nSELECT 1", ["-- why; \nSELECT 1"], id="comment before"),
        pytest.param("SELECT /*;*/ 1 --;\n+ 2", ["SELECT /*;*/ 1 --;\n+ 2"], id="comment inside"),
        pytest.param("SELECT 1 -- why\n; SELECT 2 -- c", ["SELECT 1", "SELECT 2"], id="comment behind"),
        pytest.param("SELECT 1; -- c\r\nSELECT 2", ["SELECT 1", "-- c\r\nSELECT 2"], id="CRLF"),
        pytest.param("SELECT 1 -- a\r; b", ["SELECT 1"], id="a carriage return ends no comment"),
        pytest.param("SELECT 1 /*; SELECT 2", ["SELECT 1"], id="unterminated comment"),
        pytest.param("SELECT 1 /**/; SELECT 2", ["SELECT 1", "SELECT 2"], id="empty comment"),
        pytest.param("SELECT 1 /*/; */; SELECT 2", ["SELECT 1", "SELECT 2"], id="slash-star-slash is not empty"),
        pytest.param("SELECT 1 /* ", ["SELECT 1"], id="an open comment with a blank in it"),
        pytest.param("SELECT 1; /*", ["SELECT 1", "/*"], id="two operators at the very end"),
        pytest.param("SELECT 1 - -1; SELECT 4/ *", ["SELECT 1 - -1", "SELECT 4/ *"], id="signs that are no comments"),
        pytest.param("SELECT a->--;\n'b'; x", ["SELECT a->--;\n'b'", "x"], id="comment behind an arrow"),
        pytest.param("SELECT 'a; b", ["SELECT 'a; b"], id="unterminated string"),
        pytest.param("SELECT $a(;), @b::c(';), :d(;);x", ["SELECT $a(;), @b::c(';), :d(;)", "x"], id="TCL variables"),
        pytest.param("SELECT #a(;); x", ["SELECT #a(;)", "x"], id="a hash opens a variable as well"),
        pytest.param("SELECT $a::(;); x", ["SELECT $a::(;)", "x"], id="a TCL variable may end with colons"),
        pytest.param("SELECT :::a(;); x", ["SELECT :::a(;)", "x"], id="or begin with them"),
        pytest.param("SELECT $(;), ::(;)", ["SELECT $(", "), ::(", ")"], id="a nameless variable has no parenthesis"),
        pytest.param("SELECT a$b(;)", ["SELECT a$b(", ")"], id="a dollar within a name"),
        pytest.param("SELECT a$$b$c(;)", ["SELECT a$$b$c(", ")"], id="dollars within a name"),
        pytest.param("SELECT ?1$a(;)", ["SELECT ?1$a(;)"], id="a dollar behind a numbered variable"),
        pytest.param("SELECT a:b(;)", ["SELECT a:b(;)"], id="a colon is never within a name"),
        pytest.param("SELECT :a:b(;)", ["SELECT :a:b(;)"], id="one colon ends a variable"),
        pytest.param("SELECT $a(b ;)", ["SELECT $a(b ", ")"], id="white space ends a parenthesis"),
        pytest.param("SELECT $a (;)", ["SELECT $a (", ")"], id="the parenthesis must follow at once"),
        pytest.param("SELECT x'00'; SELECT X'ab;'", ["SELECT x'00'", "SELECT X'ab;'"], id="blobs"),
        pytest.param("\ufeffSELECT 1;\ufeff\nSELECT 2", ["SELECT 1", "SELECT 2"], id="byte order marks"),
        pytest.param("SELECT 1 AS a\ufeff;", ["SELECT 1 AS a\ufeff"], id="a mark within a name"),
        pytest.param("SELECT\ufeff$a(;); \ufeff$b(;)", ["SELECT\ufeff$a(", ")", "$b(;)"], id="a mark before a dollar"),
        pytest.param("SELECT 1\u00a0; x", ["SELECT 1\u00a0", "x"], id="a no-break space is part of a name"),
        pytest.param("SELECT 'é漢;😀'; SELECT 漢", ["SELECT 'é漢;😀'", "SELECT 漢"], id="beyond Latin-1"),
        pytest.param(f"{TRIGGER}; SELECT 1", [TRIGGER, "SELECT 1"], id="trigger"),
        pytest.param(f"SELECT 1; {TRIGGER}", ["SELECT 1", TRIGGER], id="trigger at the end"),
        pytest.param(f"EXPLAIN {TRIGGER};x", [f"EXPLAIN {TRIGGER}", "x"], id="explained trigger"),
        pytest.param(f"EXPLAIN/**/QUERY PLAN {TRIGGER};x", [f"EXPLAIN/**/QUERY PLAN {TRIGGER}", "x"], id="its plan"),
        pytest.param(
            "/* a; */ create/**/temporary--\ntrigger b begin select 1;end--\n;c",
            ["/* a; */ create/**/temporary--\ntrigger b begin select 1;end", "c"],
            id="comments around the words of a trigger",
        ),
        pytest.param(
            "CREATE TRIGGER a BEGIN SELECT 1; END; CREATE TRIGGER b BEGIN SELECT 2; END",
            ["CREATE TRIGGER a BEGIN SELECT 1; END", "CREATE TRIGGER b BEGIN SELECT 2; END"],
            id="two triggers",
        ),
        pytest.param("CREATE TABLE trigger(a); END", ["CREATE TABLE trigger(a)", "END"], id="a table of that name"),
        pytest.param('CREATE "TRIGGER" a; b', ['CREATE "TRIGGER" a', "b"], id="a quoted word is no keyword"),
        pytest.param("CREATE TRIGGERé a; b", ["CREATE TRIGGERé a", "b"], id="a longer word is no keyword"),
        pytest.param("BEGIN; SELECT 1; END", ["BEGIN", "SELECT 1", "END"], id="a transaction is no trigger"),
        pytest.param("SELECT 1;\0; \ud800;", ["SELECT 1", "\0", "\ud800"], id="characters that SQLite never sees"),
    ],
)
def test_traps(script: str, expected: list[str]) -> None:
    assert split(script) == expected
    assert count(script) == len(expected)


def test_bare_semicolons_among_the_arguments_of_a_virtual_table_divide_it_as_in_the_sqlite_shell() -> None:
    text = "EXPLAIN CREATE VIRTUAL TABLE v USING module(a; b)"
    assert verdict(text) == "taken"
    assert sqlite3.complete_statement(text.partition(";")[0] + ";")
    assert count(text) == 2


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", "SELECT"),
        ("commit", "COMMIT"),
        ("Commit;", "COMMIT"),
        ("END/**/TRANSACTION", "END"),
        ("SELECT'a'", "SELECT"),
        ("SELECT(1)", "SELECT"),
        ("SELECT\n1", "SELECT"),
        ("\n\t SELECT 1", "SELECT"),
        ("\ufeffselect 1", "SELECT"),
        (" \vROLLBACK", "ROLLBACK"),
        ("; ;;/* c; */--\n RELEASE s", "RELEASE"),
        ("/*/ SELECT */ VALUES (1)", "VALUES"),
        ("EXPLAIN COMMIT", "EXPLAIN"),
        ("", ""),
        (" ; -- SELECT", ""),
        ("/* SELECT", ""),
        ("(SELECT 1)", ""),
        ("'SELECT' 1", ""),
        ("[SELECT] 1", ""),
        (":SELECT", ""),
        ("$SELECT", ""),
        ("1SELECT", ""),
        ("x'5e1ec7'", ""),
        ("SELECT\u00a01", ""),
        ("SELECTé 1", ""),
        ("\u017fELECT 1", ""),
        ("ﬂush x", ""),
    ],
)
def test_keyword(sql: str, expected: str) -> None:
    assert keyword(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", "SELECT"),
        ("explain WITH c AS (SELECT 1) DELETE FROM t", "EXPLAIN"),
        ("WITH c AS (SELECT 1) SELECT * FROM c", "SELECT"),
        (";/* INSERT */with c(a) as (select ')') -- SELECT\n insert into t(a) select * from c", "INSERT"),
        ("WITH RECURSIVE c AS (VALUES (1) UNION SELECT a FROM c), d AS (SELECT 1) UPDATE t SET a = 1", "UPDATE"),
        ("WITH c AS NOT MATERIALIZED (SELECT 1) DELETE FROM t", "DELETE"),
        ("WITH c AS (SELECT 1) VALUES (2)", "VALUES"),
        ("WITH c AS (SELECT 1) REPLACE INTO t(a) SELECT 1", "REPLACE"),
        ("WITH replace AS (SELECT 1) SELECT * FROM replace", "SELECT"),
        ("WITH replace(a) AS (SELECT 1) INSERT INTO t(a) SELECT a FROM replace", "INSERT"),
        ('WITH "SELECT" AS (SELECT 1), [INSERT] AS (SELECT 2), `DELETE` AS (SELECT 3) UPDATE t SET a = 1', "UPDATE"),
        ("WITH c(a) AS (SELECT $v(')) INSERT INTO t(a) VALUES (')) SELECT 1')", "INSERT"),
        ("WITH c AS (SELECT 1 / 2 - 1, x'00', :a, ?1) INSERT INTO t(a) SELECT 1", "INSERT"),
        ("WITH", "WITH"),
        ("WITH c AS (SELECT 1); SELECT 2", "WITH"),
        ("WITH c AS (SELECT 1", "WITH"),
        ("", ""),
    ],
)
def test_verb(sql: str, expected: str) -> None:
    assert verb(sql) == expected
    assert (verdict(sql) == "refused") == (expected == "WITH")


def test_transaction_control_is_what_moves_the_borders_of_a_transaction() -> None:
    assert frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"}) == TRANSACTION_CONTROL


# --- cost ------------------------------------------------------------------------------------------------------------


def ratio(cheap: Callable[[], object], dear: Callable[[], object]) -> float:
    """How many times dearer: taken in turns, the best of many, so that a busy machine slows both."""
    pairs = [(timeit.timeit(cheap, number=100), timeit.timeit(dear, number=100)) for _ in range(100)]
    return min(pair[1] for pair in pairs) / min(pair[0] for pair in pairs)


@pytest.mark.parametrize("sql", [DDL, DDL + ";", DDL + ";\n"])
def test_counting_usual_ddl_costs_a_fraction_of_dividing_it(sql: str) -> None:
    assert ratio(lambda: count(sql), lambda: split(sql)) > 3


@pytest.mark.parametrize("sql", [DDL, "SELECT a FROM t"])
def test_the_keyword_of_a_text_without_leading_blanks_is_read_at_once(sql: str) -> None:
    later = "\n" + sql
    assert ratio(lambda: keyword(sql), lambda: keyword(later)) > 2


@pytest.mark.parametrize(
    "unit",
    ["a$", ":a(", "$a::", ";", "/*;", "/**/", "--\n", "-", "[", "''", "'", "\ufeff$", "; END x", "; /* */", "é "],
)
def test_the_cost_grows_with_the_length_and_no_faster(unit: str) -> None:
    text = "CREATE TRIGGER " + unit * 15_000
    began = time.process_time()
    split(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("sql", "stray"),
    [
        ("SELECT 1", False),
        ("SELECT 1;", False),
        ("SELECT 1; -- done; really", False),
        ("SELECT 1 /* ; */ ;\n\n/* ; */", False),
        ("SELECT 1;;", True),
        ("SELECT 1; ; -- x", True),
        ("SELECT 1;\ufeff", True),
        ("SELECT 1;\v", True),
        ("SELECT 1; SELECT 2", False),  # that is two, which count() says
        ("", False),
    ],
)
def test_what_sqlite3_takes_for_another_statement_is_a_stray_end(sql: str, stray: bool) -> None:
    assert has_stray_end(sql) is stray
    if count(sql) == 1:
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute(sql)
            accepted = True
        except (sqlite3.Warning, sqlite3.ProgrammingError):
            accepted = False
        finally:
            connection.close()
        assert accepted is not stray
