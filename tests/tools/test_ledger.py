from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentdb
from agentdb import Migration, migrations
from agentdb.errors import AgentDBError
from agentdb.tools.ledger import (
    FILE_NAME,
    LedgerEntry,
    check_ledger,
    entries_of,
    ledger_text,
    missing_entries,
    read_ledger,
    write_ledger,
)

ROOT = Path(agentdb.__file__).parents[1]


def step(number: int, up: str = "", description: str = "d", **more: object) -> Migration:
    return Migration(f"{number:03}", description, up or f"CREATE TABLE t{number} (x)", **more)  # type: ignore[arg-type]


def codes(given: list[Migration], now: list[Migration]) -> list[tuple[str, str | None]]:
    found = check_ledger(entries_of({"notes": given}), {"notes": now})
    return [(finding.code, finding.migration_id) for finding in found.errors]


def test_the_ledger_of_the_built_in_set_is_current() -> None:
    """Not so? `python -m agentdb ledger --rewrite --migrations agentdb.migrations`, in the root of the repository. (Before the
    first release a built-in migration may change.)"""
    listed = {"agentdb": migrations.MIGRATIONS}
    entries = read_ledger(str(ROOT / FILE_NAME))
    assert check_ledger(entries, listed).errors == ()
    assert missing_entries(entries, listed) == ()


def test_an_edit_a_removal_and_another_number_are_told_apart() -> None:
    shipped = [step(1), step(2), step(3)]
    assert codes(shipped, shipped) == []
    assert codes(shipped, [*shipped, step(4)]) == []
    assert codes(shipped, [step(1), step(2, "CREATE TABLE other (x)"), step(3)]) == [("shipped_edited", "002")]
    assert codes(shipped, [step(1), step(3)]) == [("shipped_removed", "002")]
    assert codes(shipped, [step(1), step(3), step(4, "CREATE TABLE t2 (x)")]) == [("shipped_renumbered", "002")]
    swapped = [step(1), step(2, "CREATE TABLE t3 (x)"), step(3, "CREATE TABLE t2 (x)")]
    assert codes(shipped, swapped) == [("shipped_renumbered", "002"), ("shipped_renumbered", "003")]


def test_a_text_that_a_migration_accepts_is_no_edit() -> None:
    old = step(1)
    assert codes([old], [step(1, "CREATE TABLE better (x)", accepts=(old.checksum,))]) == []


def test_another_description_and_another_down_are_no_edits() -> None:
    assert codes([step(1)], [step(1, description="other words", down="DROP TABLE t1")]) == []


def test_lines_of_other_sets_stay(tmp_path: Path) -> None:
    path = str(tmp_path / FILE_NAME)
    write_ledger({"b": [step(1)]}, path)
    write_ledger({"a": [step(1)]}, path)
    write_ledger({"a": [step(2)]}, path, rewrite=True)
    assert [(entry.set, entry.number) for entry in read_ledger(path)] == [("a", 2), ("b", 1)]


def test_without_a_change_the_file_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    write_ledger({"a": [step(1)]}, str(path))
    before = path.stat()
    assert write_ledger({"a": [step(1)]}, str(path)).added == ()
    assert path.stat() == before


def test_two_branches_that_add_one_number_conflict_in_git(tmp_path: Path) -> None:
    def git(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def commit(*listed: Migration) -> None:
        write_ledger({"notes": listed}, str(tmp_path / FILE_NAME))
        git("add", "-A")
        git("commit", "-qm", "m")

    git("init", "-qb", "main")
    commit(step(1))
    git("switch", "-qc", "one")
    commit(step(1), step(2, "CREATE TABLE a (x)", "one"))
    git("switch", "-q", "main")
    commit(step(1), step(2, "CREATE TABLE b (x)", "another"))
    git("merge", "one", code=1)
    with pytest.raises(AgentDBError, match="mark of a merge conflict") as raised:
        read_ledger(str(tmp_path / FILE_NAME))
    assert raised.value.code == "bad_ledger"


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[1, 2, 3, 4]",
        '["a", "001", "d"]',
        '["a", "one", "d", "v1:"]',
        '["a", "٣", "d", "v1:"]',
        "[" * 100_000,
        '["a", "1", "d", "v1:x"]\n["a", "001", "d", "v1:x"]',
    ],
)
def test_a_line_that_is_none_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(line, encoding="utf-8")
    with pytest.raises(AgentDBError, match=r"line \d") as raised:
        read_ledger(str(path))
    assert raised.value.code == "bad_ledger"


def test_what_is_no_text_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    os.mkfifo(tmp_path / "pipe")
    for name, code in (("binary", "cannot_open"), ("pipe", "cannot_open"), (".", "is_a_directory")):
        with pytest.raises(AgentDBError) as raised:
            read_ledger(str(tmp_path / name))
        assert raised.value.code == code


def test_where_the_disk_is_full_the_ledger_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    write_ledger({"a": [step(1)]}, str(path))
    before = path.read_bytes()
    code = f"""
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from agentdb import Migration
from agentdb.tools.ledger import write_ledger
from agentdb.errors import StorageError
try:
    write_ledger({{"a": [Migration(str(n), "d" * 900, "SELECT 1") for n in range(2, 99)]}}, {str(path)!r}, rewrite=True)
except StorageError as error:
    print(error.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )
    assert done.stdout.split() == ["disk_full"], done.stderr
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [FILE_NAME]


@given(
    st.lists(
        st.builds(LedgerEntry, st.text(), st.integers(0, 10**20), st.text(), st.text()),
        unique_by=lambda entry: (entry.set, entry.number),
    )
)
def test_what_is_written_is_read_again(entries: list[LedgerEntry]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        path.write_bytes(ledger_text(entries).encode("utf-8", "surrogatepass"))
        assert set(read_ledger(str(path))) == set(entries)
