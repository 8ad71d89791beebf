"""agno: SqliteDb, which keeps a session with its runs; a run here is one message, or a question with its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agno.db.base import SessionType
from agno.db.sqlite import SqliteDb
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.session.agent import AgentSession

from benchmarks.conversations import METADATA, PAGE, content, numbers
from benchmarks.worker import elapsed


def run(session: str, *chosen: int) -> Any:
    messages = [
        Message(role=("user", "assistant")[number % 2], content=content(number), provider_data=METADATA)
        for number in chosen
    ]
    return RunOutput(run_id=f"{session} {chosen[0]}", session_id=session, agent_id="a", messages=messages)


class Peer:
    def __init__(self, folder: str, full: str, *_: str) -> None:
        self._index = 0
        self._db = SqliteDb(db_file=str(Path(folder) / "own.db"))
        for id in ("s", "new"):
            self._db.upsert_session(AgentSession(session_id=id, agent_id="a"))
        for number in range(0, int(full), 2):
            self._save(run("s", number, number + 1))
        self._numbers = numbers()
        if (loaded := len(self._messages())) != int(full):
            raise RuntimeError(f"{loaded} messages of {full}")

    def append(self, count: int) -> int:
        runs = [run("new", next(self._numbers)) for _ in range(count)]

        def work() -> None:
            for one in runs:
                self._save(one)

        return elapsed(work)

    def load(self, count: int) -> int:
        return self._times(count)

    def latest(self, count: int, _: str) -> int:
        return self._times(count, runs_limit=PAGE // 2)

    def close(self) -> None:
        self._db.close()

    def _save(self, one: Any) -> None:
        self._db.upsert_run(one, one.session_id, run_index=self._index)
        self._index += 1

    def _times(self, count: int, **options: Any) -> int:
        def work() -> None:
            for _ in range(count):
                self._messages(**options)

        return elapsed(work)

    def _messages(self, **options: Any) -> list[Any]:
        session: Any = self._db.get_session("s", SessionType.AGENT, **options)
        messages: list[Any] = session.get_messages()
        return messages
