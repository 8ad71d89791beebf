"""Remedies for migrations in files, which have lines where Migration has arguments."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: What the remedies of agentdb.errors name, the longer ones first, and the line of the up file that stands for it.
_LINES = (
    ("Migration(…, foreign_keys=False)", "`-- agentdb: foreign_keys=false`"),
    ("foreign_keys=False", "`-- agentdb: foreign_keys=false`"),
    ("use_transaction=False", "`-- agentdb: use_transaction=false`"),
)


def in_file(remedy: str, lost: Iterable[str] = ()) -> str:
    """A remedy with the lines of an up file for the arguments of Migration. lost: what allows_loss would name."""
    named = ", ".join(lost) or "TABLE"
    remedy = remedy.replace('Migration(…, allows_loss=("table",))', f"`-- agentdb: allows_loss={named}`")
    for argument, line in _LINES:
        remedy = remedy.replace(argument, line)
    return remedy
