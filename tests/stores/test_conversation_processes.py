"""Several processes change one conversation in every way at once: nothing that was acknowledged is lost, counters are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from search_index import check_search_index

from agentdb import AgentDB

WORK = """
import json, random, sys
from agentdb import AgentDB
from agentdb.errors import ConflictError, IntegrityError, NotFoundError
path, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance, said, conflicts = random.Random(name), [], 0
with AgentDB.open(path, busy_timeout=60) as db:
    for number in range(rounds):
        what, content = chance.choice(["append", "append", "key", "seq", "save", "update", "remove", "again", "back", "fork", "compact"]), f"{name} {number}"
        try:
            if what == "append":
                db.messages.append("s", role="user", content=content, token_count=1)
                said.append(content)
            elif what == "key":
                ids = {db.messages.append("s", role="user", content=content, external_id=content).id for _ in range(2)}
                assert len(ids) == 1
                said.append(content)
            elif what == "seq":
                db.messages.append("s", role="user", content=content, expected_last_seq=db.messages.stats("s").last_seq)
                said.append(content)
            elif what == "save":
                loaded = db.conversations.load_session("s")
                more = [*loaded["messages"], {"role": "user", "content": content, "id": content, "mood": name}]
                db.conversations.save_session("s", more, expected_version=loaded["version"])
                said.append(content)
            elif what == "update":
                message = db.messages.append("s", role="assistant", content="", status="partial")
                db.messages.update(message.id, content=content, status="complete")
                said.append(content)
            elif what == "remove":
                db.messages.pop("s")
            elif what == "again":
                db.messages.regenerate(db.messages.latest("s", 1)[0].id)
            elif what == "back":
                db.messages.restore_removal("s")
            elif what == "fork":
                fork = db.sessions.fork("s")
                assert fork.message_count == len(db.messages.load(fork.id))
                db.sessions.delete(fork.id)
            else:
                event = db.compactions.compact("s", content, keep_last=2, protect_tokens=0)
                if event is not None and number % 2:
                    db.compactions.restore(event.id)
        except ConflictError:
            conflicts += 1
        except (NotFoundError, IndexError):
            pass  # another process has removed it
        except IntegrityError as error:
            assert error.code in ("place_taken", "newer_event", "already_restored"), error
print(json.dumps(said))
"""
COUNTERS = """\
SELECT
  message_count = (SELECT count(*) FROM messages WHERE session_id = sessions.id AND in_transcript = 1)
  AND total_tokens = (SELECT total(token_count) FROM messages WHERE session_id = sessions.id AND in_transcript = 1)
  AND context_tokens = (
    SELECT total(token_count) FROM messages
    WHERE session_id = sessions.id AND compaction_event_id IS NULL AND removed_at IS NULL
  )
  AND compaction_count = (SELECT count(*) FROM compaction_events WHERE session_id = sessions.id AND restored_at IS NULL)
FROM sessions"""


def work_together(path: str, processes: int, rounds: int) -> None:
    with AgentDB.open(path) as db:
        db.conversations.save_session("s", [{"role": "user", "content": "first"}])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, path, f"p{number}", str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent.parent,
        )
        for number in range(processes)
    ]
    said: list[str] = []
    for process in running:
        out, errors = process.communicate(timeout=280)
        assert process.returncode == 0, errors
        said += json.loads(out)
    with AgentDB.open(path) as db:
        there = [row[0] for row in db.client.execute("SELECT content FROM messages").tuples]
        assert {"first", *said} <= set(there)
        assert all(there.count(content) >= 1 for content in said)
        assert db.client.execute(COUNTERS).tuples == [(1,)]
        keyed = "SELECT count(*), count(DISTINCT external_id) FROM messages WHERE external_id IS NOT NULL"
        ((all_of_them, different),) = db.client.execute(keyed).tuples
        assert all_of_them == different
        seqs = [message.seq for message in db.messages.load("s")]
        assert seqs == sorted(set(seqs))
        assert db.client.execute("PRAGMA foreign_key_check").tuples == []
        check_search_index(lambda sql: db.client.execute(sql).tuples)


def test_three_processes_lose_nothing(path: str) -> None:
    work_together(path, 3, 25)


@pytest.mark.soak
def test_eight_processes_lose_nothing(path: str) -> None:
    work_together(path, 8, 150)
