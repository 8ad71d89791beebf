"""What a stream asks of its transport, and what a transport raises."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.remote.server_url import ServerUrl


class Post:
    """A request to the server. Its answer is the status and the body.

    deadline: of the whole, by time.monotonic(). is_read: whether nothing is changed by it, so that a cancelled caller need
    not wait for the answer.
    """

    __slots__ = ("body", "deadline", "headers", "is_read", "path", "url")

    def __init__(
        self, url: ServerUrl, path: str, headers: dict[str, str], body: bytes, deadline: float, *, is_read: bool
    ) -> None:
        self.url = url
        self.path = path
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.is_read = is_read


class Pause:
    """So many seconds until the next try."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class AskToken:
    """Another token, where there is a source of one."""


class NotSentError(Exception):
    """Nothing has reached the server. `is_late`: because no connection came about in time."""

    def __init__(self, why: str, *, is_late: bool = False) -> None:
        super().__init__(why)
        self.is_late = is_late


class LostError(Exception):
    """The connection was lost before the whole answer was here; the server may have done what it was asked."""


class LateError(Exception):
    """The whole answer was not here in time; the server may have done what it was asked."""
