"""Folders as people have them: what an editor leaves, what is no file, what is nearly a directive."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentdb import load_migrations
from agentdb.cli.sets import load
from agentdb.errors import InvalidMigrationError

UP = "CREATE TABLE t (x);\n"
COMPATIBLE = "-- agentdb: backward_compatible=true"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.mark.parametrize(
    "head",
    [
        f"-- Copyright somebody\n{COMPATIBLE}\n",
        f"/* A licence\n   of several lines */\n\n{COMPATIBLE}\n",
        f"\n\n{COMPATIBLE}\n\n-- agentdb: allows_loss=t\n",
        f"-- agentdb: allows_loss=t\n-- a comment\n\n/* another */ \n  {COMPATIBLE}\n",
        f"\ufeff-- first\r\n{COMPATIBLE}\r\n",
        f'-- it isn\'t; or "is"\n{COMPATIBLE}\n',
    ],
)
def test_directives_count_up_to_the_first_statement(tmp_path: Path, head: str) -> None:
    (migration,) = load_migrations(write(tmp_path, **{"001_a.up.sql": head + UP}))
    assert migration.backward_compatible
    assert migration.allows_loss == (("t",) if "allows_loss" in head else ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"--agentdb: backward_compatible=true\n{UP}", 1),
        (f"-- \n-- AgentDB: backward_compatible=true\n{UP}", 2),
        (f"--  agentdb: backward_compatible=true\n{UP}", 1),
        (f"-- agentdb : backward_compatible=true\n{UP}", 1),
        (f"-- agentdb backward_compatible=true\n{UP}", 1),
        (f"--- agentdb: backward_compatible=true\n{UP}", 1),
        (f"/* agentdb: backward_compatible=true */\n{UP}", 1),
        (f"/*\n * agentdb: backward_compatible=true\n */\n{UP}", 2),
        (f"-- a licence\n\n-- agentdb: backwards_compatible=true\n{UP}", 3),
        (f"-- agentdb: backward_compatible=yes\n{UP}", 1),
        (f"-- agentdb: backward_compatible\n{UP}", 1),
        (f"{UP}{COMPATIBLE}\n", 2),
        (f"CREATE TABLE t (x); {COMPATIBLE}\n", 1),
        (f"CREATE TABLE t (\n{COMPATIBLE}\nx);\n", 2),
        (f"CREATE TABLE t (x\r\n);\r\n{COMPATIBLE}\r\n", 3),
    ],
)
def test_what_is_nearly_a_directive_or_stands_elsewhere_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    with pytest.raises(InvalidMigrationError) as caught:
        load_migrations(write(tmp_path, **{"001_a.up.sql": text}))
    assert caught.value.code == "bad_migration_file"
    assert f"001_a.up.sql, line {line}," in caught.value.message
    assert "before the first statement" in caught.value.remedy


def test_a_directive_in_a_down_file_is_refused_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, **{"001_a.up.sql": UP, "001_a.down.sql": f"-- undo\n{COMPATIBLE}\nDROP TABLE t;\n"})
    with pytest.raises(InvalidMigrationError) as caught:
        load_migrations(tmp_path)
    assert caught.value.code == "bad_migration_file"
    assert "001_a.down.sql, line 2," in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"-- agentdb uses this table\n{UP}",
        f"-- see agentdb: it says backward_compatible=true\n{UP}",
        "CREATE TABLE t (x DEFAULT '-- agentdb: backward_compatible=true');\n",
        "CREATE TABLE t (x DEFAULT 'it''s\n-- agentdb: nothing');\n",
        'CREATE TABLE t ("-- agentdb: x");\n',
        f"{UP}-- agentdb is told of this elsewhere\n",
    ],
)
def test_text_and_comments_that_speak_of_agentdb_are_none_of_its_business(tmp_path: Path, text: str) -> None:
    (migration,) = load_migrations(write(tmp_path, **{"001_a.up.sql": text}))
    assert not migration.backward_compatible


SKIPPED = ["._001_a.up.sql", ".#001_a.up.sql", ".001_a.up.sql.swp", "001_a.up.sql~", "001_a.down.sql.orig", "seed.sql"]


def test_files_that_are_no_migrations_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, **{"001_a.up.sql": UP, ".DS_Store": "", ".gitignore": "", "README.md": ""})
    for name in SKIPPED:
        (tmp_path / name).write_bytes(b"\0\x05\xff")
    with caplog.at_level(logging.WARNING, logger="agentdb"):
        assert [migration.id for migration in load_migrations(tmp_path)] == ["001"]
    told = [record.getMessage() for record in caplog.records]
    assert sorted(message.split(" in ")[0] for message in told) == sorted(SKIPPED)


def test_validate_tells_of_them_as_warnings(tmp_path: Path) -> None:
    write(tmp_path, **{"001_a.up.sql": UP, "001_a.down.sql": "DROP TABLE t", "seed.sql": "", "._001_a.up.sql": ""})
    command = [sys.executable, "-m", "agentdb", "validate", "--migrations", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    code = "skipped_file"
    assert done.stdout.count(code) == 2
    assert "seed.sql" in done.stdout
    assert done.stderr == ""
    assert subprocess.run([*command, "--strict"], capture_output=True, timeout=60, check=False).returncode == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["001_a.up.sql", "001_a.down.sql", "m002_b.py"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dead link"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    write(tmp_path, **{"001_a.up.sql": UP})
    place = tmp_path / name
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero" if kind == "device" else tmp_path / "gone")
    with pytest.raises(InvalidMigrationError, match="is not a regular file") as caught:
        load_migrations(tmp_path)
    assert caught.value.code == "bad_migration_file"
    assert name in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        "import sys; sys.exit(0)",
        "raise SystemExit",
        "raise GeneratorExit",
        "raise BaseException('mine')",
        "import asyncio; raise asyncio.CancelledError",
        "1 / 0",
        "def f(): f()\nf()",
    ],
)
@pytest.mark.parametrize("is_package", [False, True])
def test_a_module_that_ends_the_process_is_an_error_of_its_file(
    tmp_path: Path, body: str, is_package: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ends_it"
    folder.mkdir()
    write(folder, **{"m001_a.py": body + "\n"})
    if is_package:
        write(folder, **{"__init__.py": ""})
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "ends_it", raising=False)
    source = "ends_it" if is_package else str(folder)
    with pytest.raises(InvalidMigrationError) as caught:
        load(source)
    assert caught.value.code == "bad_migration_file"
    if "exit" in body.lower() and "Generator" not in body:
        with pytest.raises(InvalidMigrationError, match="ends the process"):
            load_migrations(source)
    with pytest.raises(KeyboardInterrupt):
        (folder / "m001_a.py").write_text("raise KeyboardInterrupt\n")
        load(source)


def test_validate_of_a_module_that_ends_the_process_says_so(tmp_path: Path) -> None:
    write(tmp_path, **{"m001_a.py": "import sys\nsys.exit(0)\n"})
    command = [sys.executable, "-m", "agentdb", "validate", "--migrations", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "m001_a" in done.stderr


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("BEGIN;\nCREATE TABLE t (x);\nCOMMIT;", "-- agentdb: use_transaction=false"),
        ("PRAGMA foreign_keys = OFF;\nCREATE TABLE t (x);", "-- agentdb: foreign_keys=false"),
    ],
)
def test_the_remedy_for_a_file_names_its_line_and_not_an_argument(tmp_path: Path, text: str, directive: str) -> None:
    with pytest.raises(InvalidMigrationError) as caught:
        load_migrations(write(tmp_path, **{"001_a.up.sql": text}))
    assert directive in caught.value.remedy
    assert "=False" not in caught.value.remedy
