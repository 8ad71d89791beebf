"""Full-text search over what messages say.

Why it is as it is:

- Trigrams: they find a word inside a run of Chinese, Japanese or Korean, a part of a word, and punctuation. Terms of
  one or two characters are beyond them; the store scans for those.
- The index holds no text of its own (external content): it reads that of messages, and triggers keep it in step, under
  cascades and raw SQL too. A message without content is in it as well, or its integrity check would miss the row.
- The tokenizer stops at a NUL character. What stands behind it the store looks for itself, in the messages that the
  index on them names; there are few.
- `rebuild` reads what is there already: after a rollback, all of it.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="004",
    description="Message search",
    up=(
        """\
CREATE VIRTUAL TABLE messages_fts USING fts5 (
  content, content = 'messages', content_rowid = 'id', tokenize = 'trigram'
)""",
        """\
CREATE TRIGGER messages_fts_in AFTER INSERT ON messages
BEGIN
  INSERT INTO messages_fts (rowid, content) VALUES (NEW.id, NEW.content);
END""",
        """\
CREATE TRIGGER messages_fts_out AFTER DELETE ON messages
BEGIN
  INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', OLD.id, OLD.content);
END""",
        """\
CREATE TRIGGER messages_fts_anew AFTER UPDATE OF content ON messages
WHEN NEW.content IS NOT OLD.content
BEGIN
  INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', OLD.id, OLD.content);
  INSERT INTO messages_fts (rowid, content) VALUES (NEW.id, NEW.content);
END""",
        "CREATE INDEX idx_messages_with_nul ON messages (id) WHERE instr(content, char(0)) > 0",
        "INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')",
    ),
    down=(
        "DROP INDEX idx_messages_with_nul",
        "DROP TRIGGER messages_fts_anew",
        "DROP TRIGGER messages_fts_out",
        "DROP TRIGGER messages_fts_in",
        "DROP TABLE messages_fts",
    ),
)
