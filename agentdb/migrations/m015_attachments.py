"""Attachments: files beside the messages of sessions.

Why it is as it is (what it shares with the tables before: see their migrations):

- The bytes are stored once, however many attachments have them, under their SHA-256 in lower-case hexadecimal digits.
- They stand in pieces of 1,048,576 bytes; the last piece of a content is shorter. A libSQL server takes values of about
  5 MB, and a reader of a large file holds one piece at a time. An empty file has no piece.
- `id` is a number: the order of ids is that in which attachments were added.
- A piece refers to its content without a cascade. So INSERT OR REPLACE of a content keeps its pieces.
- An attachment goes with its session, and with its message. The bytes go with the last attachment that has them.

The honest mistake that each trigger prevents:

- `attachment_contents_go_…`: bytes that nothing refers to. They would stay in the file for good.
- `attachments_are_never_replaced`: INSERT OR REPLACE of an attachment. It would remove a row without any trigger of a
  deletion, so its bytes would stay. See `agents_are_never_replaced`.
- `attachments_have_a_message_of_their_session…`: an attachment of one session at a message of another. A fork, an export
  or an erasure of one of the two would take it along or leave it behind.
- `attachments_stay_in_their_session`: as `messages_stay_in_their_session`.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="015",
    description="Attachments",
    up=(
        """\
CREATE TABLE attachment_contents (
  sha256 TEXT NOT NULL PRIMARY KEY CHECK (sha256 <> ''),
  size INTEGER NOT NULL CHECK (size >= 0),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  )
) STRICT""",
        """\
CREATE TABLE attachment_pieces (
  sha256 TEXT NOT NULL REFERENCES attachment_contents (sha256) ON DELETE NO ACTION,
  piece INTEGER NOT NULL CHECK (piece >= 0),
  data BLOB NOT NULL CHECK (length(data) BETWEEN 1 AND 1048576),
  PRIMARY KEY (sha256, piece)
) STRICT""",
        """\
CREATE TABLE attachments (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  message_id INTEGER REFERENCES messages (id) ON DELETE CASCADE,
  sha256 TEXT NOT NULL REFERENCES attachment_contents (sha256) ON DELETE NO ACTION,
  name TEXT,
  media_type TEXT CHECK (media_type <> ''),
  metadata_json TEXT CONSTRAINT metadata_json_is_json_object CHECK (
    metadata_json IS NULL
    OR json_valid(metadata_json) AND json_type(metadata_json) = 'object' AND instr(metadata_json, char(0)) = 0
  ),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT updated_at_is_utc_with_ms CHECK (
    updated_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS updated_at
    AND date(updated_at, '+0 days') IS substr(updated_at, 1, 10)
  )
) STRICT""",
        "CREATE INDEX idx_attachments_session_id ON attachments (session_id)",
        "CREATE INDEX idx_attachments_message_id ON attachments (message_id) WHERE message_id IS NOT NULL",
        "CREATE INDEX idx_attachments_sha256 ON attachments (sha256)",
        """\
CREATE TRIGGER attachments_are_never_replaced BEFORE INSERT ON attachments
WHEN EXISTS (SELECT 1 FROM attachments WHERE id = NEW.id)
BEGIN
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  INSERT OR IGNORE INTO replace_guard VALUES (1);
  SELECT RAISE(ABORT, 'attachments: an attachment is never replaced; use UPDATE or ON CONFLICT DO UPDATE')
  WHERE changes() > 0;
END""",
        """\
CREATE TRIGGER attachments_have_a_message_of_their_session BEFORE INSERT ON attachments
WHEN EXISTS (SELECT 1 FROM messages WHERE id = NEW.message_id AND session_id <> NEW.session_id)
BEGIN
  SELECT RAISE(ABORT, 'attachments: message_id is a message of another session');
END""",
        """\
CREATE TRIGGER attachments_have_a_message_of_their_session_ever BEFORE UPDATE OF message_id ON attachments
WHEN EXISTS (SELECT 1 FROM messages WHERE id = NEW.message_id AND session_id <> NEW.session_id)
BEGIN
  SELECT RAISE(ABORT, 'attachments: message_id is a message of another session');
END""",
        """\
CREATE TRIGGER attachments_stay_in_their_session BEFORE UPDATE OF id, session_id ON attachments
WHEN NEW.id IS NOT OLD.id OR NEW.session_id IS NOT OLD.session_id
BEGIN
  SELECT RAISE(ABORT, 'attachments: id and session_id of an attachment never change');
END""",
        """\
CREATE TRIGGER attachment_contents_go_with_the_last_attachment AFTER DELETE ON attachments
WHEN NOT EXISTS (SELECT 1 FROM attachments WHERE sha256 = OLD.sha256)
BEGIN
  DELETE FROM attachment_pieces WHERE sha256 = OLD.sha256;
  DELETE FROM attachment_contents WHERE sha256 = OLD.sha256;
END""",
        """\
CREATE TRIGGER attachment_contents_go_when_another_takes_their_place AFTER UPDATE OF sha256 ON attachments
WHEN NEW.sha256 IS NOT OLD.sha256 AND NOT EXISTS (SELECT 1 FROM attachments WHERE sha256 = OLD.sha256)
BEGIN
  DELETE FROM attachment_pieces WHERE sha256 = OLD.sha256;
  DELETE FROM attachment_contents WHERE sha256 = OLD.sha256;
END""",
    ),
    down=(
        "DROP TABLE attachments",
        "DROP TABLE attachment_pieces",
        "DROP TABLE attachment_contents",
    ),
)
