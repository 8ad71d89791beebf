"""The items of an up or a down that a tracking table has recorded as JSON."""

from __future__ import annotations

from agentdb.engine.backfill import specification as backfill
from agentdb.engine.python_step import specification as python_step
from agentdb.engine.rebuild import specification as rebuild
from agentdb.errors import InvalidMigrationError, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agentdb.engine.migration import Item


def from_form(form: object, migration_id: str) -> Item:
    """The item of a form. Raises MigrationError `unknown_form` for one of a newer build, or one that somebody has spoilt."""
    if isinstance(form, dict):
        kind = form.get("agentdb")
        made = _KINDS.get(kind) if isinstance(kind, str) else None
        if made is not None and form.keys() == made[0]:
            try:
                item = made[1](form)
            except InvalidMigrationError as error:
                raise MigrationError(
                    f"what is recorded of migration {migration_id} cannot be read: {error.message}",
                    code="unknown_form",
                    migration_id=migration_id,
                    remedy="Nothing was run. Run a build that has this migration, or correct the row in the tracking table.",
                ) from error
            if item is not None:
                return item
    known = f"{form.get('agentdb')!r}, version {form.get('version')!r}" if isinstance(form, dict) else repr(form)[:80]
    raise MigrationError(
        f"migration {migration_id} was recorded in a form that this build does not know ({known})",
        code="unknown_form",
        migration_id=migration_id,
    )


def _has_version(form: dict[str, Any], known: int) -> bool:
    return type(form["version"]) is int and form["version"] == known  # true and 1.0 are equal to 1


def _rebuild(form: dict[str, Any]) -> Item | None:
    if not _has_version(form, rebuild.VERSION):
        return None
    if type(form["columns"]) is not dict:
        raise InvalidMigrationError(f"RebuildTable of {form['table']!r}: columns is not an object")
    return rebuild.RebuildTable(form["table"], form["create"], form["columns"])


def _backfill(form: dict[str, Any]) -> Item | None:
    if not _has_version(form, backfill.VERSION):
        return None
    return backfill.Backfill(form["table"], form["set"], form["where"])


def _python_step(form: dict[str, Any]) -> Item:
    return python_step.PythonStep.recorded(form["name"], form["version"])  # the version is the step's own


#: kind -> the keys of its form, and what makes the item; that gives None for a version that it does not know.
_KINDS: dict[str, tuple[frozenset[str], Callable[[dict[str, Any]], Item | None]]] = {
    rebuild.KIND: (frozenset(("agentdb", "columns", "create", "table", "version")), _rebuild),
    backfill.KIND: (frozenset(("agentdb", "set", "table", "version", "where")), _backfill),
    python_step.KIND: (frozenset(("agentdb", "name", "version")), _python_step),
}
