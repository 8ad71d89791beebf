"""One exchange with a server: a pipeline is sent, its results come back, and what goes wrong between them has a name."""

from __future__ import annotations

import json
from random import random
from time import monotonic

from agentdb.clients.remote import server_errors
from agentdb.clients.remote.requests import AskToken, LateError, LostError, NotSentError, Pause, Post
from agentdb.clients.remote.server_url import server_url
from agentdb.errors import (
    AgentDBError,
    ClosedError,
    LimitError,
    NetworkError,
    OutcomeTimedOutError,
    OutcomeUnknownError,
    StatementError,
    TimedOutError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, TypeAlias, TypeVar

    from agentdb.clients.remote.server_url import ServerUrl
    from agentdb.clients.remote.settings import RemoteSettings, Token

    T = TypeVar("T")
    #: Steps between a stream and its transport.
    Talk: TypeAlias = Generator[Any, Any, T]


class OlderServerError(Exception):
    """The server has just said that it does not know Hrana 3: what was asked must be written again for it."""


#: What may have happened where no answer comes: nothing; something that is committed; something that is rolled back.
READ, WRITE, STEP = "read", "write", "step"
#: How often a request is tried that has not reached the server, and one that only reads.
_TRIES = 5
_TRIES_TO_READ = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Server:
    """A server, as all streams of one client know it."""

    def __init__(self, url: ServerUrl, token: Token, settings: RemoteSettings) -> None:
        self.url = url
        self.token = token
        self.settings = settings
        self.name = str(url)
        #: Of the Hrana protocol: 3, or 2 where the server has said that it does not know that.
        self.version = 3

    @property
    def headers(self) -> dict[str, str]:
        """Of the next request; without a token there is no Authorization."""
        token = self.token.value
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return headers


class Exchange:
    """The exchanges of one stream: its baton, and where it is continued."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.baton: str | None = None
        self._url = server.url

    def forget(self) -> None:
        """The stream has ended; the next request begins another one."""
        self.baton = None
        self._url = self.server.url

    def send(self, requests: list[dict[str, Any]], effect: str) -> Talk[list[dict[str, Any]]]:
        """The results of a pipeline, in the order of its requests.

        Raises NetworkError and its kin, AuthenticationError, LimitError, ClosedError `transaction_lost` where the stream has
        expired. What was not sent, and what only reads, is tried again.
        """
        server = self.server
        deadline = monotonic() + server.settings.timeout
        tries = 0
        was_asked = False
        if server.token.source is not None and server.token.value is None:
            yield AskToken()
            was_asked = True
        while True:
            tries += 1
            body = json.dumps(
                {"baton": self.baton, "requests": requests}, ensure_ascii=False, separators=(",", ":")
            ).encode()
            path = f"{self._url.path}/v{server.version}/pipeline"
            is_read = effect == READ and self.baton is None
            post = Post(self._url, path, server.headers, body, deadline, is_read=is_read)
            try:
                status, answer = yield post
            except NotSentError as error:
                pause = pause_before(tries)
                if tries >= _TRIES or error.is_late or monotonic() + pause >= deadline:
                    raise self._unreachable(error) from error
                yield Pause(pause)
                continue
            except LostError as error:
                if is_read and tries < _TRIES_TO_READ:
                    continue
                raise self._lost(effect, error) from error
            except LateError as error:
                raise self._late(effect) from error
            if status == 200:
                return self._results(answer, len(requests), effect)
            if status == 401 and server.token.source is not None and not was_asked:
                yield AskToken()
                was_asked = True
                continue
            if status in (404, 405) and server.version == 3 and self.baton is None:
                server.version = 2
                if effect == STEP:
                    raise too_old(server.name)
                raise OlderServerError
            raise self._refused(status, answer, effect)

    def _results(self, answer: bytes, count: int, effect: str) -> list[dict[str, Any]]:
        try:
            found = json.loads(answer)
            results = found["results"]
            self.baton = found.get("baton")
            base = found.get("base_url")
            if type(results) is not list or len(results) != count:
                raise ValueError(f"{len(results)} results for {count} requests")
        except (ValueError, TypeError, KeyError) as error:
            raise self._unknown(effect, "the answer cannot be read") from error
        if base:
            found_url = server_url(base)[0]
            if found_url.is_encrypted or not self.server.url.is_encrypted:  # the token is never sent in the clear by this
                self._url = found_url
        return results

    def _refused(self, status: int, answer: bytes, effect: str) -> AgentDBError:
        """The error for an answer that is not 200."""
        place = self.server.name
        error = server_errors.said(answer)
        if status in (401, 403):
            return server_errors.refused(status, error, place, has_token=self.server.token.value is not None)
        if server_errors.is_lost(error) or (status == 400 and self.baton is not None):
            return server_errors.lost(place, error["code"] or f"HTTP {status}")
        if status == 413 or status == 429 or error["code"] == "RESPONSE_TOO_LARGE":
            return LimitError(f"{place}: {error['message'] or 'too much at once'}", engine_code=f"HTTP {status}")
        if "invalid utf-8" in error["message"]:
            return StatementError(
                "a text of the answer is not UTF-8, so the server cannot send it", engine_code=f"HTTP {status}"
            )
        if status in (404, 405):
            return server_errors.no_answer(place, f"HTTP {status} at {self._url.path}/v3/pipeline")
        if status >= 500:
            return self._unknown(effect, f"HTTP {status} {error['message']}".strip())
        return server_errors.no_answer(place, f"HTTP {status} {error['message']}".strip())

    def _unreachable(self, error: NotSentError) -> NetworkError:
        place = self.server.name
        if error.is_late:
            seconds = self.server.settings.connect_timeout
            return TimedOutError(f"no connection to {place} came about within {seconds:g} s")
        return NetworkError(f"{place} cannot be reached: {error}")

    def _lost(self, effect: str, error: LostError) -> NetworkError:
        return self._unknown(effect, f"the connection was lost ({error})")

    def _unknown(self, effect: str, what: str) -> NetworkError:
        place = self.server.name
        if effect == WRITE:
            return OutcomeUnknownError(f"whether {place} has done a write is not known: {what}")
        return NetworkError(f"{place} gave no answer: {what}")

    def _late(self, effect: str) -> NetworkError:
        place, seconds = self.server.name, self.server.settings.timeout
        if effect == WRITE:
            return OutcomeTimedOutError(
                f"whether {place} has done a write is not known: no answer within {seconds:g} s"
            )
        return TimedOutError(f"{place} gave no answer within {seconds:g} s")


def pause_before(tries: int) -> float:
    """Seconds before the next try: longer each time, and never the same for two clients."""
    pause: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 3.0 ** (tries - 1))
    return pause * (0.5 + random())


def too_old(place: str) -> AgentDBError:
    """The error for a transaction on a server that cannot guard it."""
    return AgentDBError(f"{place} does not speak Hrana 3, so it cannot guard a transaction", code="server_too_old")


def ended(place: str) -> ClosedError:
    """The error for a stream that is closed."""
    return ClosedError(f"the connection to {place} is closed")
