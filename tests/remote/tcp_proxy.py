"""A proxy of TCP between a client and a server, which does with each piece of a request what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

PASS, CUT, CUT_ANSWER, STALL = (
    "pass",
    "cut before the server sees it",
    "cut before the answer comes back",
    "say nothing",
)


class TcpProxy:
    """Listens on a free port of this machine for the length of a block. `rule` says what becomes of a piece of a request."""

    def __init__(
        self, port: int, rule: Callable[[bytes], str] = lambda _: PASS, *, status_for_v3: int | None = None
    ) -> None:
        self._to = port
        self.rule = rule
        self.requests = 0
        self._status_for_v3 = status_for_v3
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> TcpProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for one in self._open:
            _close(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open.append(server)
            is_mute = threading.Event()
            threading.Thread(target=self._answer, args=(server, client, is_mute), daemon=True).start()
            while piece := client.recv(2**20):
                self.requests += piece.startswith(b"POST")
                action = self.rule(piece)
                if self._status_for_v3 is not None and piece.startswith(b"POST /v3"):
                    client.sendall(
                        b"HTTP/1.1 %d No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self._status_for_v3
                    )
                    break
                if action == CUT:
                    break
                if action == STALL:
                    continue
                if action == CUT_ANSWER:
                    is_mute.set()
                server.sendall(piece)
            else:
                _close(server)
                return
        _close(client)
        with suppress(UnboundLocalError):
            _close(server)

    def _answer(self, server: socket.socket, client: socket.socket, is_mute: threading.Event) -> None:
        with suppress(OSError):
            while piece := server.recv(2**20):
                if is_mute.is_set():
                    break
                client.sendall(piece)
        _close(client)
        _close(server)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
