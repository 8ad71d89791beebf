"""The situations of a database on a server. What answers is a socket of the test, which says what a server says then."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from error_situations import caught, situation

from agentdb import create_client_sync
from agentdb.engine.backup.on_demand import backup
from agentdb.errors import AgentDBError


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """The URL of a server that gives this answer to every request; None: it says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    one, _ = listener.accept()
                    opened.append(one)
                    if answer is not None:
                        one.recv(2**16)
                        one.sendall(answer)
                        one.close()
            except OSError:  # the listener is closed
                pass

        opened: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for one in opened:
        one.close()


def http(status: str, body: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()


def told_by(answer: bytes | None, sql: str = "SELECT 1", token: str | None = None) -> AgentDBError:
    with answering(answer) as url, create_client_sync(url, auth_token=token, timeout=0.2) as client:
        error = caught(client.execute, sql)
        error.args = (error.message.replace(url, "URL"),)
        return error


@situation
def a_server_that_is_not_there(path: Path) -> AgentDBError:
    with create_client_sync("http://127.0.0.1:1") as client:
        return caught(client.execute, "SELECT 1")


@situation
def a_server_that_does_not_answer(path: Path) -> AgentDBError:
    return told_by(None)


@situation
def a_write_that_is_not_answered(path: Path) -> AgentDBError:
    return told_by(None, "INSERT INTO t VALUES (1)")


@situation
def a_server_that_asks_for_a_token(path: Path) -> AgentDBError:
    return told_by(http("401 Unauthorized", '{"error":"Unauthorized"}'))


@situation
def a_token_that_is_refused(path: Path) -> AgentDBError:
    return told_by(http("401 Unauthorized", '{"error":"The JWT is invalid"}'), token="secret")


@situation
def a_token_that_has_expired(path: Path) -> AgentDBError:
    return told_by(http("401 Unauthorized", '{"error":"The JWT has expired"}'), token="secret")


@situation
def a_token_that_may_only_read(path: Path) -> AgentDBError:
    return told_by(http("403 Forbidden", '{"error":"forbidden"}'), "INSERT INTO t VALUES (1)", token="secret")


@situation
def a_value_that_is_too_long_for_a_server(path: Path) -> AgentDBError:
    with create_client_sync("http://127.0.0.1:1") as client:
        return caught(client.execute, "SELECT ?", ("x" * 5_000_000,))


@situation
def a_transaction_on_an_old_server(path: Path) -> AgentDBError:
    with answering(http("404 Not Found")) as url, create_client_sync(url) as client:
        transaction = client.transaction()
        error = caught(transaction.execute, "SELECT 1")
        error.args = (error.message.replace(url, "URL"),)
        return error


@situation
def a_server(path: Path) -> AgentDBError:
    return caught(backup, "libsql://agents.example.com?authToken=secret", path)
