"""Full-text search in messages.

Why it is as it is:

- Trigrams find a word inside a run of Chinese, Japanese or Korean, a part of a word, and punctuation. Terms of one or two
  characters are beyond them, so the store scans for those.
- The index holds no text of its own (external content). It reads that of messages. Triggers keep it in step, for
  cascades and raw SQL too. A message without content is in it as well, or its integrity check would miss the row.
- Summaries and removed messages are in the index, and a search leaves them out. So a compaction changes no index.
- The tokenizer stops at a NUL character. The store looks for what stands behind it in the messages that
  `idx_messages_with_nul` names. There are few.
- `rebuild` reads what is there already: after a rollback, all of it.

The honest mistake that the triggers prevent: a search that does not find what raw SQL has written.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="004",
    description="Search in messages",
    up=(
        """\
CREATE VIRTUAL TABLE messages_fts USING fts5 (
  content, content = 'messages', content_rowid = 'id', tokenize = 'trigram'
)""",
        """\
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages
BEGIN
  INSERT INTO messages_fts (rowid, content) VALUES (NEW.id, NEW.content);
END""",
        """\
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages
BEGIN
  INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', OLD.id, OLD.content);
END""",
        """\
CREATE TRIGGER messages_fts_update AFTER UPDATE OF content ON messages
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
        "DROP TRIGGER messages_fts_update",
        "DROP TRIGGER messages_fts_delete",
        "DROP TRIGGER messages_fts_insert",
        "DROP TABLE messages_fts",
    ),
)
