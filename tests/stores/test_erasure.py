"""What is erased is in no byte of the file, its -wal or its -shm, and what still holds it is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from search_index import check_search_index
from store_harness import Facade, new_file, opened
from transfer_harness import fill as fill_whole

import agentdb
from agentdb import AgentDB, MigrationSet
from agentdb.errors import BusyError, FieldError, IntegrityError, TransactionActiveError

NEEDLE = "zqxjkvwpzqneedlexyzzy"
#: Of the needle, what no other text here has: a page of a search index has parts of terms.
TRIGRAMS = ("zqx", "qxj", "xjk", "zqn", "qne", "xyz", "yzz")
JOURNAL_MODES = ("wal", "delete", "truncate", "persist")


def traces(path: str | Path) -> list[str]:
    """What is left of the needle in the file and beside it."""
    names = [f"{path}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")]
    data = b"".join(Path(name).read_bytes() for name in names if Path(name).exists())
    return [text for text in (NEEDLE, *TRIGRAMS) if text.encode() in data]


def fill(db: Facade) -> None:
    """Session 's' has the needle everywhere, also where it was changed or deleted before; 't' has other words."""
    db.agents.create(id="a", name="Researcher", model="large")
    for id in "st":
        db.sessions.create(id=id, main_agent_id="a", name=NEEDLE if id == "s" else "ordinary")
    for number in range(60):
        db.messages.append("t", role="user", content=f"ordinary words {number} " * 5)
    for number in range(12):
        message = db.messages.append("s", role="user", content=NEEDLE * (1 + 300 * number), payload=[NEEDLE])
        db.messages.update(message.id, content=f"other {NEEDLE} {number} " * number)
    db.messages.delete(message.id)
    db.messages.purge("s")
    db.messages.delete(db.messages.latest("s", 1)[0].id)
    db.session_logs.append("s", role="user", type="message", content=NEEDLE)
    db.agent_contexts.start("s", NEEDLE, reason=NEEDLE)
    gone = db.attachments.add("s", NEEDLE.encode() * 5000, name=NEEDLE)
    db.attachments.delete(gone.id)
    db.attachments.add("s", b"kept " + NEEDLE.encode() * 60_000, name=NEEDLE)
    for number in range(20):
        db.messages.append("t", role="user", content=f"ordinary words {number} " * 5)


def check_rest(db: Facade) -> None:
    assert len(db.messages.search("ordinary", limit=1000).items) == 80
    check_search_index(db.rows)
    assert db.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("is_gone", [False, True])
def test_the_audit_trail_forgets_it_and_nothing_else(path: str, is_async: bool, is_gone: bool) -> None:
    with opened(path, is_async=is_async, secure_delete="off") as db:
        db.audit.enable()
        fill(db)
        db.module_states.upsert("m", {"word": NEEDLE}, session_id="s", trigger_type="tool", trigger_id=NEEDLE)
        db.messages.append("s", role="tool", content=NEEDLE * 9, token_count=90, tool_call_id="c")
        db.messages.append("s", role="user", content="and")
        assert db.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0, min_tokens=1) is not None
        db.memories.create(content="learnt", session_id="s")
        counted = "SELECT count(*) FROM audit_log WHERE table_name = 'messages' AND after_json ->> '$.session_id' = 't'"
        kept = db.rows(counted)
        if is_gone:
            db.sessions.delete("s")
        assert traces(path)
        report = db.erase("s")
        assert traces(path) == []
        assert report.rows["audit_log"] > 50
        assert db.rows(counted) == kept
        assert kept[0][0] == 80
        remembered = db.rows("SELECT DISTINCT action FROM audit_log WHERE table_name = 'memories' ORDER BY 1")
        assert remembered == [("insert",), ("update",)]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("secure_delete", ["off", "fast", "on"])
@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_no_byte_has_it_whatever_the_settings_were(
    path: str, journal_mode: str, secure_delete: str, is_async: bool
) -> None:
    with opened(path, is_async=is_async, secure_delete=secure_delete, journal_mode=journal_mode) as db:
        fill(db)
        setting = db.rows("PRAGMA secure_delete")
        assert traces(path)
        report = db.erase("s")
        assert traces(path) == []
        assert (report.is_complete, report.remains, report.backups, report.forks) == (True, (), (), ())
        assert report.session_ids == ("s",)
        assert dict(report.rows) == {
            "sessions": 1,
            "messages": 11,
            "agent_switches": 1,
            "agent_contexts": 1,
            "session_logs": 1,
            "attachments": 1,
            "attachment_contents": 1,
            "attachment_pieces": 2,
        }
        assert db.rows("PRAGMA secure_delete") == setting
        check_rest(db)


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_without_vacuum_no_byte_has_it_where_secure_delete_was_on_and_else_it_says_so(
    path: str, journal_mode: str
) -> None:
    with opened(path, is_async=False, journal_mode=journal_mode) as db:
        fill(db)
        report = db.erase("s", vacuum=False)
        assert traces(path) == []
        assert not report.is_complete
        assert "vacuum=False" in report.remains[0]
        check_rest(db)


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_what_this_erasure_frees_is_overwritten_whatever_the_setting_is(path: str, journal_mode: str) -> None:
    with opened(path, is_async=False, secure_delete="off", journal_mode=journal_mode) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a", name=NEEDLE)
        db.session_logs.append("s", role="user", type="message", content=NEEDLE * 1000)
        db.attachments.add("s", NEEDLE.encode() * 100_000)
        db.erase("s", vacuum=False)
        assert traces(path) == []


def test_what_another_program_deleted_without_care_is_erased_too(path: str) -> None:
    with opened(path, is_async=False) as db:
        fill(db)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA secure_delete = OFF")
            other.execute("PRAGMA foreign_keys = ON")
            other.execute("DELETE FROM messages WHERE session_id = 's'")
            other.execute("UPDATE session_logs SET content = '1' WHERE session_id = 's'")
            other.execute("DELETE FROM sessions WHERE id = 's'")
        assert NEEDLE in traces(path)
        report = db.erase("s")  # which is not there any more
        assert (report.session_ids, dict(report.rows), report.remains) == ((), {}, ())
        assert traces(path) == []
        check_rest(db)


def test_the_counts_are_of_every_table(db: Facade) -> None:
    fill_whole(db)
    wanted = dict(db.export("s").rows)
    del wanted["agents"]
    wanted["attachment_contents"] -= 1  # 't' has one of them, too
    wanted["attachment_pieces"] -= 1
    report = db.erase("s")
    assert dict(report.rows) == wanted
    assert db.sessions.get("s") is None
    assert db.attachments.list("t").items[0].size == 6
    assert db.rows("PRAGMA foreign_key_check") == []


@contextmanager
def reading(path: str) -> Iterator[sqlite3.Connection]:
    """Another program in the middle of reading."""
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        yield reader


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
@pytest.mark.parametrize("is_async", [False, True])
def test_where_a_reader_is_in_the_way_it_says_so_and_a_second_call_ends_it(
    path: str, journal_mode: str, is_async: bool
) -> None:
    with opened(path, is_async=is_async, busy_timeout=0.3, journal_mode=journal_mode, secure_delete="off") as db:
        fill(db)
        with reading(path) as reader:
            if journal_mode == "wal":
                report = db.erase("s")
                assert dict(report.rows)["messages"] == 11
                assert not db.sessions.exists("s")
                assert NEEDLE in traces(path)
                assert not report.is_complete
                assert "-wal" in " ".join(report.remains)
                assert "db.erase('s') again" in " ".join(report.remains)
                assert reader.execute("SELECT count(*) FROM messages WHERE session_id = 's'").fetchone() == (11,)
            else:
                with pytest.raises(BusyError):
                    db.erase("s")
                assert db.sessions.exists("s")
                assert len(db.session_logs.page("s").items) == 1
            reader.execute("ROLLBACK")
        assert db.erase("s").is_complete
        assert traces(path) == []
        check_rest(db)


def test_where_only_the_log_is_left_erase_deleted_ends_it(path: str) -> None:
    with opened(path, is_async=False, busy_timeout=0.2) as db:
        fill(db)
        with reading(path) as reader:
            assert not db.erase("s").is_complete
            reader.execute("ROLLBACK")
        assert db.messages.erase_deleted() is True
        assert traces(path) == []


def test_a_tree_loses_its_root_and_forks_stay_unless_they_are_asked_for(db: Facade) -> None:
    db.agents.create(id="a", name="Researcher", model="large")
    for id, columns in (
        ("s", {}),
        ("child", {"parent_session_id": "s"}),
        ("f", {}),
        ("ff", {}),
        ("beside", {}),
    ):
        db.sessions.create(id=id, main_agent_id="a", **columns)
        db.messages.append(id, role="user", content=NEEDLE)
    for id, origin in (("f", "s"), ("ff", "f")):
        db.rows("UPDATE sessions SET forked_from_id = ?, forked_at_seq = 1 WHERE id = ?", origin, id)
    path = db.thing.client.path
    report = db.erase("s")
    assert (report.session_ids, report.forks) == (("s",), ("f", "ff"))
    assert db.sessions.get("child").parent_session_id is None
    assert db.sessions.get("f").forked_from_id is None
    assert NEEDLE in traces(path)
    report = db.erase("f", forks=True)
    assert (report.session_ids, report.forks, report.rows["messages"]) == (("f", "ff"), (), 2)
    for id in ("child", "beside"):
        db.erase(id)
    assert traces(path) == []


def test_backups_and_what_a_restore_kept_are_named_and_not_removed(tmp_path: Path) -> None:
    path, folder = tmp_path / "app.db", tmp_path / "elsewhere"
    notes = [agentdb.Migration("001", "Notes", "CREATE TABLE notes (x)", "DROP TABLE notes")]
    session = "a5c0f0de-session"
    with AgentDB.open(path) as db:
        early = agentdb.backup(path)
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id=session, main_agent_id="a")
        db.messages.append(session, role="user", content=NEEDLE)
        asked = agentdb.backup(path)
        db.sessions.delete(session)
        db.sessions.create(id=session, main_agent_id="a")
    with AgentDB.open(path, migrations=[MigrationSet("notes", notes)], backup_dir=folder):
        automatic = [str(one) for one in folder.glob("*.backup")]
    assert len(automatic) == 1
    replaced = agentdb.restore(backup=asked, database=path).replaced
    assert replaced is not None
    hidden = tmp_path / "app.db.backups" / "not readable"
    hidden.mkdir()
    with AgentDB.open(path, migrations=[MigrationSet("notes", notes)], backup_dir=folder) as db:
        automatic = [str(one) for one in sorted(folder.glob("*.backup"))]
        report = db.erase(session)
        assert report.is_complete
        assert set(report.backups) == {asked, *automatic, replaced}
        assert early not in report.backups
        assert all(Path(one).exists() for one in report.backups)
        assert db.erase("9e1b-no-session").backups == ()
    assert traces(path) == []


def test_a_search_index_of_the_host_is_merged_too(path: str) -> None:
    with opened(path, is_async=False) as db:
        for index in ("one USING  fts5 (text)", '"two words" USING fts5 (text)', "three USING fts4 (text)"):
            db.rows(f"CREATE VIRTUAL TABLE {index}")
        db.rows("CREATE VIRTUAL TABLE terms USING fts5vocab (one, row)")
        for name in ("one", '"two words"', "three"):
            for number in range(20):
                db.rows(f"INSERT INTO {name} (text) VALUES (?)", f"{NEEDLE} {number}")
            db.rows(f"DELETE FROM {name}")
        assert NEEDLE in traces(path)
        assert db.erase("s").remains == ()
        assert traces(path) == []


def test_a_row_of_the_host_that_forbids_it_keeps_all(db: Facade) -> None:
    fill(db)
    db.rows("CREATE TABLE bookmarks (message_id INTEGER REFERENCES messages (id))")
    db.rows("INSERT INTO bookmarks SELECT min(id) FROM messages WHERE session_id = 's'")
    before = db.export("s").rows
    with pytest.raises(IntegrityError) as caught:
        db.erase("s")
    assert caught.value.code == "foreign_key"
    assert db.export("s").rows == before
    db.rows("DROP TABLE bookmarks")
    db.rows("CREATE TABLE bookmarks (message_id INTEGER REFERENCES messages (id) ON DELETE CASCADE)")
    db.rows("INSERT INTO bookmarks SELECT min(id) FROM messages WHERE session_id = 's'")
    assert db.erase("s").is_complete
    assert db.rows("SELECT * FROM bookmarks") == []


def test_bad_calls_are_refused(db: Facade) -> None:
    for id, code in ((None, "missing_value"), ("", "missing_value"), (5, "wrong_type"), ("\ud800", "not_text")):
        with pytest.raises(FieldError) as caught:
            db.erase(id)
        assert (caught.value.field, caught.value.code) == ("session_id", code)
    for name in ("forks", "vacuum"):
        with pytest.raises(FieldError, match=name):
            db.erase("s", **{name: "yes"})
    fill(db)
    data = db.export("t").data
    with db.transaction():
        for call in (lambda: db.erase("s"), lambda: db.export("s"), lambda: db.import_(data)):
            with pytest.raises(TransactionActiveError):
                call()
    assert db.sessions.exists("s")


def test_another_process_adds_meanwhile_and_loses_nothing(path: str) -> None:
    """VACUUM and the checkpoint run beside a writer of another connection."""
    with opened(path, is_async=False) as db, opened(path, is_async=False) as other:
        fill(db)
        kept: list[Any] = []
        for _ in range(5):
            kept.append(other.messages.append("t", role="user", content="beside"))
            report = db.erase("s")
            assert report.is_complete
        assert [one.id for one in other.messages.latest("t", 5)] == [one.id for one in kept]
    assert traces(path) == []


def test_a_new_file_is_not_touched_by_an_erasure_in_memory(tmp_path: Path) -> None:
    with opened(":memory:", is_async=False) as db:
        fill(db)
        report = db.erase("s")
        assert (report.is_complete, report.backups, report.rows["messages"]) == (True, (), 11)
    assert new_file(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["test.db"]
