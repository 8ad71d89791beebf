"""What the parts of MessageStore share that write messages: the counter of their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.operations import Operations, W

if TYPE_CHECKING:
    from agentdb.operations import Target
    from agentdb.operations.runners import Callback
    from agentdb.stores.messages.derived import TokenCounter


class Counting(Operations[W]):
    """Base of a store that counts the tokens of what it writes."""

    def __init__(
        self, target: Target[W], on_event: Callback | None = None, *, token_counter: TokenCounter | None = None
    ) -> None:
        """token_counter: as for AgentDB.open()."""
        super().__init__(target, on_event)  # type: ignore[arg-type]
        self._token_counter = token_counter
