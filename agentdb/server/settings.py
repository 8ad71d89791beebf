"""What a service may be asked, by whom, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from agentdb.errors import InvalidArgumentError

#: Names of this machine as a Host header has them, without a port.
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Who may ask, and how much.

    token: what `Authorization: Bearer …` must hold; None: nobody is asked, which is for loopback alone. allowed_hosts: names
    that the Host header may have, beside those of this machine; a page of another site that lets its name lead here (DNS
    rebinding) has another. cors_origins: origins whose pages may read the answers. max_body_bytes: of a request. max_limit: items
    on a page. requests_per_second: of one address, on average; twice as many at once; 0: no limit. poll_seconds: how often a file
    is looked at for changes of other processes, while somebody listens.

    Raises InvalidArgumentError for a value that cannot be meant.
    """

    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 16 * 2**20
    max_limit: int = 1000
    requests_per_second: float = 500.0
    poll_seconds: float = 0.1

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < 8 or not self.token.isascii() or not self.token.isprintable()):
            raise InvalidArgumentError(
                "the token is shorter than 8 characters, or has others than printable ASCII",
                remedy="Give a longer one, or none: then one is made.",
            )
        for name, least in (("max_body_bytes", 1), ("max_limit", 1), ("requests_per_second", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < 2**40:
                raise InvalidArgumentError(f"{name} is not a number from {least} on")
        if not 0.01 <= self.poll_seconds <= 60:
            raise InvalidArgumentError("poll_seconds is not from 0.01 to 60")

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a Host header may have, in small letters."""
        return frozenset(name.lower() for name in (*LOCAL_NAMES, *self.allowed_hosts))


def is_loopback(host: str) -> bool:
    """Whether an address to listen at can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
