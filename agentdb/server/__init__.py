"""The REST service over a database, for editors, phones and other programs. It needs the extra `server`.

`agentdb serve` runs it. A host application mounts `router` into its own FastAPI app, and tells it the database by `attach()`.
"""

from agentdb.server.app import attach, create_app
from agentdb.server.routes import router
from agentdb.server.settings import ServerSettings

__all__ = ["ServerSettings", "attach", "create_app", "router"]
