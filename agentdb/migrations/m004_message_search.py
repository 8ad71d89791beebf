"""Full-text search in messages.

Why it is as it is:

- Trigrams find a word inside a run of Chinese, Japanese or Korean, a part of a word, and punctuation. Two line ends follow
  each text. So every word of one or two characters begins a trigram, and the store finds it in the list of all trigrams.
  `messages_fts_places` is that list, and takes no room.
- The index holds no text of its own (external content). It reads that of `message_texts`. So every text is stored once.
  Triggers keep the index in step, for cascades and raw SQL too.
- One rule takes the text out of `payload_json` and `tool_calls_json`, whatever made them. Every string with a space in it
  counts. Another string counts unless it is a type, a role or a status, a long id, a signature, encrypted text or the
  bytes of a file. An integer of three digits or more counts, in a field that is no count of tokens. A string that holds
  JSON is read in the same way. What `content` says already is not taken a second time.
- `search_words` has the words that people write in several ways, in the one form that the store looks for: `cafe` for
  `café`. SQL cannot make that form, so the store does. A number stands before the words: the length of the texts that they
  were made of. Where it does not fit any more, raw SQL has changed the texts, and the words do not count. They come
  first, because the tokenizer stops at a NUL character.
- FTS5 reads no virtual table for its command 'rebuild', and `json_tree` is one. The last two statements of this migration
  do the same, and `search_index.rebuild()` runs this migration again.
- Summaries and removed messages are in the index, and a search leaves them out. So a compaction changes no index.

The honest mistake that the triggers prevent: a search that does not find what raw SQL has written.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

#: What is searched of a message; a trigger has OLD or NEW in place of `messages`.
_TEXT = """\
CASE
    WHEN messages.search_words IS NULL THEN ''
    WHEN CAST(messages.search_words AS INTEGER) <> length(COALESCE(messages.content, ''))
      + length(COALESCE(messages.payload_json, '')) + length(COALESCE(messages.tool_calls_json, '')) THEN ''
    ELSE substr(messages.search_words, instr(messages.search_words, ' ') + 1) || char(10, 10)
  END || COALESCE(messages.content, '') || CASE
    WHEN messages.payload_json IS NULL AND messages.tool_calls_json IS NULL THEN ''
    ELSE COALESCE((
      SELECT group_concat(char(10) || CASE
        WHEN said.value GLOB '[[{]*' AND json_valid(said.value) THEN COALESCE((
          SELECT group_concat(inner.value, char(10)) FROM json_tree(said.value) AS inner
          WHERE CASE
            WHEN inner.type = 'integer' THEN typeof(inner.key) = 'text' AND typeof(inner.value) = 'integer'
              AND inner.value NOT BETWEEN -99 AND 99 AND inner.key NOT GLOB '*oken*'
            WHEN inner.type <> 'text' THEN 0
            WHEN instr(inner.value, ' ') > 0 THEN 1
            WHEN inner.key GLOB '*[Tt]ype' OR inner.key GLOB '*kind' OR inner.key GLOB '*ignature*' OR inner.key GLOB '*ncrypted*'
              OR inner.key IN (
                'role', 'status', 'state', 'object', 'model', 'finish_reason', 'finishReason', 'stop_reason', 'stopReason'
              )
              OR inner.value GLOB 'data:*base64,*' THEN 0
            WHEN length(inner.value) < 16 THEN 1
            WHEN inner.key = 'id' OR inner.key GLOB '*_id' OR inner.key GLOB '*Id' OR inner.key GLOB '*ID'
              OR inner.key GLOB '*[Uu][Uu][Ii][Dd]' THEN 0
            WHEN length(inner.value) < 128 THEN 1
            WHEN substr(inner.value, 1, 60) GLOB '*[^A-Za-z0-9+/=_-]*' THEN 1
            WHEN inner.value GLOB '*[^A-Za-z0-9+/=_' || char(10, 13) || '-]*' THEN 1
            WHEN inner.value NOT GLOB '*[A-Z]*' OR inner.value NOT GLOB '*[a-z]*' OR inner.value NOT GLOB '*[0-9]*' THEN 1
            ELSE 0
          END
        ), '')
        ELSE said.value
      END, '')
      FROM (
        SELECT key, value, type FROM json_tree(CASE WHEN json_valid(messages.payload_json) THEN messages.payload_json END)
        UNION ALL
        SELECT key, value, type FROM json_tree(CASE WHEN json_valid(messages.tool_calls_json) THEN messages.tool_calls_json END)
      ) AS said
      WHERE CASE
        WHEN said.type = 'integer' THEN typeof(said.key) = 'text' AND typeof(said.value) = 'integer'
          AND said.value NOT BETWEEN -99 AND 99 AND said.key NOT GLOB '*oken*'
        WHEN said.type <> 'text' THEN 0
        WHEN instr(said.value, ' ') > 0 THEN 1
        WHEN said.key GLOB '*[Tt]ype' OR said.key GLOB '*kind' OR said.key GLOB '*ignature*' OR said.key GLOB '*ncrypted*'
          OR said.key IN (
            'role', 'status', 'state', 'object', 'model', 'finish_reason', 'finishReason', 'stop_reason', 'stopReason'
          )
          OR said.value GLOB 'data:*base64,*' THEN 0
        WHEN length(said.value) < 16 THEN 1
        WHEN said.key = 'id' OR said.key GLOB '*_id' OR said.key GLOB '*Id' OR said.key GLOB '*ID'
          OR said.key GLOB '*[Uu][Uu][Ii][Dd]' THEN 0
        WHEN length(said.value) < 128 THEN 1
        WHEN substr(said.value, 1, 60) GLOB '*[^A-Za-z0-9+/=_-]*' THEN 1
        WHEN said.value GLOB '*[^A-Za-z0-9+/=_' || char(10, 13) || '-]*' THEN 1
        WHEN said.value NOT GLOB '*[A-Z]*' OR said.value NOT GLOB '*[a-z]*' OR said.value NOT GLOB '*[0-9]*' THEN 1
        ELSE 0
      END AND instr(COALESCE(messages.content, ''), said.value) = 0
    ), '')
  END || char(10, 10)"""
_OLD_TEXT, _NEW_TEXT = _TEXT.replace("messages.", "OLD."), _TEXT.replace("messages.", "NEW.")

MIGRATION = Migration(
    id="004",
    description="Search in messages",
    up=(
        f"""\
CREATE VIEW message_texts (id, text) AS SELECT
  messages.id,
  {_TEXT}
FROM messages""",
        """\
CREATE VIRTUAL TABLE messages_fts USING fts5 (
  text, content = 'message_texts', content_rowid = 'id', tokenize = 'trigram'
)""",
        "CREATE VIRTUAL TABLE messages_fts_places USING fts5vocab (messages_fts, instance)",
        f"""\
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages
BEGIN
  INSERT INTO messages_fts (rowid, text) VALUES (NEW.id, {_NEW_TEXT});
END""",
        f"""\
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages
BEGIN
  INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', OLD.id, {_OLD_TEXT});
END""",
        f"""\
CREATE TRIGGER messages_fts_update AFTER UPDATE OF content, payload_json, tool_calls_json, search_words ON messages
WHEN NEW.content IS NOT OLD.content OR NEW.payload_json IS NOT OLD.payload_json
  OR NEW.tool_calls_json IS NOT OLD.tool_calls_json OR NEW.search_words IS NOT OLD.search_words
BEGIN
  INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', OLD.id, {_OLD_TEXT});
  INSERT INTO messages_fts (rowid, text) VALUES (NEW.id, {_NEW_TEXT});
END""",
        "INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')",
        "INSERT INTO messages_fts (rowid, text) SELECT id, text FROM message_texts",
    ),
    down=(
        "DROP TRIGGER messages_fts_update",
        "DROP TRIGGER messages_fts_delete",
        "DROP TRIGGER messages_fts_insert",
        "DROP TABLE messages_fts_places",
        "DROP TABLE messages_fts",
        "DROP VIEW message_texts",
    ),
)
