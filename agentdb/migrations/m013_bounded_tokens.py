"""Bounded tokens: what a session has in all is a number that every sum can hold.

- Like a seq, it has 53 bits. A count of a message beyond them could be stored, but not be added up: SQLite's own sums
  overflow, or become REAL. One that would take the total beyond is refused with its message.
- The total is there for every count, so one trigger is enough. A total from before that is larger may go down.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="013",
    description="Bounded tokens",
    up=(
        """\
CREATE TRIGGER sessions_have_tokens_of_53_bits BEFORE UPDATE OF total_tokens ON sessions
WHEN NEW.total_tokens > 9007199254740991 AND NEW.total_tokens > OLD.total_tokens
BEGIN
  SELECT RAISE(ABORT, 'sessions: total_tokens would be more than 9007199254740991; give smaller token counts');
END""",
    ),
    down=("DROP TRIGGER sessions_have_tokens_of_53_bits",),
)
