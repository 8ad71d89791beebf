"""How one implementation serves sync and async callers: what a store is written with, also one of a host."""

from __future__ import annotations

from agentdb.clients.base import Async as Async
from agentdb.clients.base import Sync as Sync
from agentdb.operations.decorators import HasTarget as HasTarget
from agentdb.operations.decorators import Operations as Operations
from agentdb.operations.decorators import atomic as atomic
from agentdb.operations.decorators import operation as operation
from agentdb.operations.requests import Steps as Steps
from agentdb.operations.requests import atomically as atomically
from agentdb.operations.requests import batch as batch
from agentdb.operations.requests import call as call
from agentdb.operations.requests import emit as emit
from agentdb.operations.requests import execute as execute
from agentdb.operations.requests import later as later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.operations.decorators import Target as Target
    from agentdb.operations.decorators import W as W
else:
    W = None
