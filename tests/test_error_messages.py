"""The whole text of every code: what happened, where, and what to do next. The texts are in error_table.py."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from pathlib import Path

import error_situations_engine
import error_situations_servers
import error_situations_stores
import error_situations_tools
import pytest
from error_situations import POSIX_ONLY, ROOT_ONLY, SITUATIONS
from error_table import ENTRIES, expected

from agentdb.cli.remedies import remedy
from agentdb.errors import REMEDIES

HERE = Path(__file__).parent
#: These run their situations in both worlds.
ELSEWHERE = ("engine/test_messages.py", "engine/backup/test_backup_messages.py")
NEEDED = (
    error_situations_engine,
    error_situations_servers,
    error_situations_stores,
    error_situations_tools,
)  # they register what they have


def normalised(text: str, path: Path) -> str:
    text = text.replace(str(path), "FILE").replace(str(path.parent), "FOLDER")
    return text.replace(sqlite3.sqlite_version, "VERSION")


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_message_is(name: str, tmp_path: Path) -> None:
    if sys.platform == "win32" and name in POSIX_ONLY | ROOT_ONLY:
        pytest.skip("cannot be provoked there")
    if name in ROOT_ONLY and os.getuid() != 0:
        pytest.skip("needs two users")
    path = tmp_path / "agents.db"
    assert normalised(str(SITUATIONS[name](path)), path) == expected(SITUATIONS[name])


def test_every_code_is_in_the_table_in_the_order_of_the_codes() -> None:
    shown = [entry.code for entry in ENTRIES.values()]
    assert list(dict.fromkeys(shown)) == list(REMEDIES)
    order = list(REMEDIES)
    assert shown == sorted(shown, key=order.index)


def test_every_entry_is_provoked() -> None:
    provoked = list(SITUATIONS)
    for file in ELSEWHERE:
        provoked += re.findall(r"^@situation\ndef (\w+)", (HERE / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(provoked) == sorted(ENTRIES)


def test_every_entry_says_what_and_what_next() -> None:
    for entry in ENTRIES.values():
        what, _, next_step = entry.text.partition("\n")
        assert what
        assert re.fullmatch(rf"[A-Z`].*[.`)] \[{entry.code}\]", next_step), entry.text


def test_every_remedy_is_a_sentence_in_the_words_of_programs_and_of_the_command() -> None:
    for code, text in REMEDIES.items():
        assert code.isidentifier()
        assert code.islower()
        for told in (text, remedy(code)):
            assert told[0].isupper() or told[0] == "`"
            assert told.endswith(".")
