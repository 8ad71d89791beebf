"""Many at once on one conversation, and calls that are cancelled half-way."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from search_index import check_search_index

from agentdb import AgentDB, AsyncAgentDB
from agentdb.errors import IntegrityError

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
ROUNDS = 12


def says(*contents: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content} for content in contents]


def test_appending_compacting_and_restoring_at_once_keep_the_counters_and_lose_nothing(path: str) -> None:
    with AgentDB.open(path, busy_timeout=30) as db:
        db.conversations.save_session("s", says("first"))
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for round in range(ROUNDS):
                    if number < 2:
                        db.messages.append("s", role="user", content=f"{number} {round}", token_count=1)
                    elif number == 2:
                        db.compactions.compact("s", f"summary {round}", keep_last=2, protect_tokens=0)
                    else:
                        restore_newest(db)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        while restore_newest(db):
            pass
        assert db.client.execute(COUNTERS).tuples == [(1,)]
        loaded = db.messages.load("s")
        assert {message.content for message in loaded} == {
            "first",
            *(f"{n} {r}" for n in (0, 1) for r in range(ROUNDS)),
        }
        assert [message.seq for message in loaded] == list(range(1, len(loaded) + 1))
        assert [message.id for message in loaded] == sorted(message.id for message in loaded)
        check_search_index(lambda sql: db.client.execute(sql).tuples)


def restore_newest(db: AgentDB) -> bool:
    """Restore the newest event that stands; whether there was one."""
    for event in db.compactions.history("s").items:
        if event.restored_at is None:
            try:
                db.compactions.restore(event.id)
            except IntegrityError as error:
                if error.code not in ("newer_event", "already_restored"):
                    raise
            return True
    return False


async def cancelled(path: str) -> None:
    async with AsyncAgentDB.open(path) as db:
        await db.conversations.save_session("s", says(*(f"message {number}" for number in range(200))))

        async def rows() -> list[tuple[Any, ...]]:
            found = await db.messages.context("s")
            return [(message.id, message.seq, message.content) for message in found]

        whole = await rows()
        outcomes = set()
        for patience in range(0, 40, 2):
            task = asyncio.ensure_future(db.compactions.compact("s", "in short", keep_last=1, protect_tokens=0))
            await asyncio.sleep(patience / 4000)  # anywhere between its first and its last statement
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            found = await rows()
            outcomes.add(len(found))
            if found != whole:
                assert [content for _, _, content in found] == ["in short", "message 199"]
                event = (await db.compactions.history("s")).items[0]
                await db.compactions.restore(event.id)
                assert await rows() == whole
            assert (await db.client.execute(COUNTERS)).tuples == [(1,)]
        assert outcomes <= {2, 200}
        assert 200 in outcomes


def test_a_compaction_that_is_cancelled_is_done_whole_or_not_at_all(path: str) -> None:
    asyncio.run(cancelled(path))
