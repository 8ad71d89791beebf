"""Full-text search in memories.

Why it is as it is (what it shares with the search in messages: see that migration):

- The index holds no text of its own. It reads that of the view `memory_texts`.
- Two line ends follow each text. So every word of one or two characters begins a sequence of three, and
  `memories_fts_places` finds it.
- An access changes counters alone, and not the index.

The honest mistake that the triggers prevent: a search that does not find what raw SQL has written.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

#: What is searched of a memory; a trigger has OLD or NEW in place of `memories`.
_TEXT = """\
CASE
    WHEN memories.search_words IS NULL THEN ''
    WHEN CAST(memories.search_words AS INTEGER) <> length(memories.text) THEN ''
    ELSE substr(memories.search_words, instr(memories.search_words, ' ') + 1) || char(10)
  END || memories.text || char(10, 10)"""
_OLD_TEXT, _NEW_TEXT = _TEXT.replace("memories.", "OLD."), _TEXT.replace("memories.", "NEW.")

MIGRATION = Migration(
    id="012",
    description="Search in memories",
    up=(
        f"""\
CREATE VIEW memory_texts (number, text) AS SELECT
  memories.number,
  {_TEXT}
FROM memories""",
        """\
CREATE VIRTUAL TABLE memories_fts USING fts5 (
  text, content = 'memory_texts', content_rowid = 'number', tokenize = 'trigram'
)""",
        "CREATE VIRTUAL TABLE memories_fts_places USING fts5vocab (memories_fts, instance)",
        f"""\
CREATE TRIGGER memories_fts_insert AFTER INSERT ON memories
BEGIN
  INSERT INTO memories_fts (rowid, text) VALUES (NEW.number, {_NEW_TEXT});
END""",
        f"""\
CREATE TRIGGER memories_fts_delete AFTER DELETE ON memories
BEGIN
  INSERT INTO memories_fts (memories_fts, rowid, text) VALUES ('delete', OLD.number, {_OLD_TEXT});
END""",
        f"""\
CREATE TRIGGER memories_fts_update AFTER UPDATE OF text, search_words ON memories
WHEN NEW.text IS NOT OLD.text OR NEW.search_words IS NOT OLD.search_words
BEGIN
  INSERT INTO memories_fts (memories_fts, rowid, text) VALUES ('delete', OLD.number, {_OLD_TEXT});
  INSERT INTO memories_fts (rowid, text) VALUES (NEW.number, {_NEW_TEXT});
END""",
        "INSERT INTO memories_fts (memories_fts) VALUES ('rebuild')",
    ),
    down=(
        "DROP TRIGGER memories_fts_update",
        "DROP TRIGGER memories_fts_delete",
        "DROP TRIGGER memories_fts_insert",
        "DROP TABLE memories_fts_places",
        "DROP TABLE memories_fts",
        "DROP VIEW memory_texts",
    ),
)
