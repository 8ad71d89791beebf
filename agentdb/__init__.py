"""agentdb: the state of agents in a database that migrates itself at every start."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb import errors as errors
    from agentdb import migrations as migrations
    from agentdb.clients import create_client as create_client
    from agentdb.clients import create_client_sync as create_client_sync
    from agentdb.clients.base import ResultSet as ResultSet
    from agentdb.clients.base import Row as Row
    from agentdb.clients.base import Statement as Statement
    from agentdb.clients.libsql_names import Client as Client
    from agentdb.clients.libsql_names import ClientSync as ClientSync
    from agentdb.clients.libsql_names import InArgs as InArgs
    from agentdb.clients.libsql_names import InStatement as InStatement
    from agentdb.clients.libsql_names import InValue as InValue
    from agentdb.clients.libsql_names import LibsqlError as LibsqlError
    from agentdb.clients.libsql_names import Transaction as Transaction
    from agentdb.clients.libsql_names import TransactionSync as TransactionSync
    from agentdb.clients.libsql_names import Value as Value
    from agentdb.database import AgentDB as AgentDB
    from agentdb.database import AsyncAgentDB as AsyncAgentDB
    from agentdb.engine.backfill.specification import Backfill as Backfill
    from agentdb.engine.backup.on_demand import backup as backup
    from agentdb.engine.backup.restore import restore as restore
    from agentdb.engine.loader import load_migrations as load_migrations
    from agentdb.engine.migration import Migration as Migration
    from agentdb.engine.migration_set import MigrationSet as MigrationSet
    from agentdb.engine.migrator import AsyncMigrator as AsyncMigrator
    from agentdb.engine.migrator import Migrator as Migrator
    from agentdb.engine.proof.validation import validate_migrations as validate_migrations
    from agentdb.engine.python_step.specification import PythonStep as PythonStep
    from agentdb.engine.rebuild.specification import RebuildTable as RebuildTable
    from agentdb.engine.results import Finding as Finding
    from agentdb.engine.results import MigrationResult as MigrationResult
    from agentdb.engine.results import MigrationSummary as MigrationSummary
    from agentdb.engine.results import ValidationResult as ValidationResult
    from agentdb.operations import Async as Async
    from agentdb.operations import Sync as Sync

__version__ = "0.1.0"

#: name -> where it lives; imported when it is first asked for, so that a start pays for what it uses.
_EXPORTS = {
    "AgentDB": "database",
    "Async": "operations",
    "AsyncAgentDB": "database",
    "AsyncMigrator": "engine.migrator",
    "Backfill": "engine.backfill.specification",
    "Client": "clients.libsql_names",
    "ClientSync": "clients.libsql_names",
    "Finding": "engine.results",
    "InArgs": "clients.libsql_names",
    "InStatement": "clients.libsql_names",
    "InValue": "clients.libsql_names",
    "LibsqlError": "clients.libsql_names",
    "Migration": "engine.migration",
    "MigrationSet": "engine.migration_set",
    "MigrationResult": "engine.results",
    "MigrationSummary": "engine.results",
    "Migrator": "engine.migrator",
    "PythonStep": "engine.python_step.specification",
    "RebuildTable": "engine.rebuild.specification",
    "ResultSet": "clients.base",
    "Row": "clients.base",
    "Statement": "clients.base",
    "Sync": "operations",
    "Transaction": "clients.libsql_names",
    "TransactionSync": "clients.libsql_names",
    "ValidationResult": "engine.results",
    "Value": "clients.libsql_names",
    "backup": "engine.backup.on_demand",
    "create_client": "clients",
    "create_client_sync": "clients",
    "load_migrations": "engine.loader",
    "restore": "engine.backup.restore",
    "validate_migrations": "engine.proof.validation",
}
__all__ = [
    "AgentDB",
    "Async",
    "AsyncAgentDB",
    "AsyncMigrator",
    "Backfill",
    "Client",
    "ClientSync",
    "Finding",
    "InArgs",
    "InStatement",
    "InValue",
    "LibsqlError",
    "Migration",
    "MigrationResult",
    "MigrationSummary",
    "Migrator",
    "PythonStep",
    "RebuildTable",
    "ResultSet",
    "Row",
    "Statement",
    "Sync",
    "Transaction",
    "TransactionSync",
    "ValidationResult",
    "Value",
    "backup",
    "create_client",
    "create_client_sync",
    "errors",
    "load_migrations",
    "migrations",
    "restore",
    "validate_migrations",
]


def __getattr__(name: str) -> object:
    if name in ("errors", "migrations"):
        return __import__(f"agentdb.{name}", fromlist=("",))
    try:
        module = _EXPORTS[name]
    except KeyError:
        raise AttributeError(f"module 'agentdb' has no attribute {name!r}") from None
    value = getattr(__import__(f"agentdb.{module}", fromlist=("",)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
