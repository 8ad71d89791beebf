"""SQL for the attachments of sessions. Parameters are named as the columns.

The bytes stand once in attachment_contents and its pieces, by their SHA-256. Where :include_deleted is 0, a session that is
deleted softly is as if it were not there.
"""

# Adds an attachment to a live session, whose content is there; NULL for created_at means now. One row with its id, or none.
INSERT = """\
INSERT INTO attachments (session_id, message_id, sha256, name, media_type, metadata_json, created_at, updated_at)
SELECT
  id, :message_id, :sha256, :name, :media_type, :metadata_json,
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  COALESCE(:created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
FROM sessions WHERE id = :session_id AND deleted_at IS NULL
RETURNING id"""

# Adds a content that no attachment has had so far; its pieces follow.
INSERT_CONTENT = "INSERT INTO attachment_contents (sha256, size) VALUES (:sha256, :size)"

# Adds a piece of a content; the first is number 0.
INSERT_PIECE = "INSERT INTO attachment_pieces (sha256, piece, data) VALUES (:sha256, :piece, :data)"

# Is this content there, and how many bytes has it? One row with size, or none.
GET_SIZE = "SELECT size FROM attachment_contents WHERE sha256 = :sha256"

# What are the bytes of this piece? One row with data, or none.
GET_PIECE = "SELECT data FROM attachment_pieces WHERE sha256 = :sha256 AND piece = :piece"

# Replaces what a caller may change of an attachment.
UPDATE = """\
UPDATE attachments SET
  message_id = :message_id,
  name = :name,
  media_type = :media_type,
  metadata_json = :metadata_json,
  updated_at = :updated_at
WHERE id = :id"""

# Which attachment has this id? One row with every column and the size of its content, or none.
GET_BY_ID = """\
SELECT attachments.*, attachment_contents.size FROM attachments
JOIN attachment_contents ON attachment_contents.sha256 = attachments.sha256
WHERE attachments.id = :id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = attachments.session_id AND deleted_at IS NULL)
)"""

# Which attachments has this message? All, in the order in which they were added.
GET_BY_MESSAGE_ID = """\
SELECT attachments.*, attachment_contents.size FROM attachments
JOIN attachment_contents ON attachment_contents.sha256 = attachments.sha256
WHERE attachments.message_id = :message_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = attachments.session_id AND deleted_at IS NULL)
)
ORDER BY attachments.id"""

# Which attachments of this session came before this one? At most :limit before the id :cursor_id, newest first.
PAGE = """\
SELECT attachments.*, attachment_contents.size FROM attachments
JOIN attachment_contents ON attachment_contents.sha256 = attachments.sha256
WHERE attachments.session_id = :session_id AND attachments.id < :cursor_id AND (
  :include_deleted OR EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND deleted_at IS NULL)
)
ORDER BY attachments.id DESC LIMIT :limit"""

# Removes an attachment of a live session, and its bytes where no other attachment has them.
DELETE_BY_ID = """\
DELETE FROM attachments WHERE id = :id
  AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = attachments.session_id AND deleted_at IS NULL)"""

# Copies those of :origin_id to its fork :session_id, which has its messages already: of the session, and of what was copied.
COPY_TO_FORK = """\
INSERT INTO attachments (session_id, message_id, sha256, name, media_type, metadata_json, created_at, updated_at)
SELECT
  :session_id, copied.id, attachments.sha256, attachments.name, attachments.media_type, attachments.metadata_json,
  attachments.created_at, attachments.updated_at
FROM attachments
LEFT JOIN messages AS original ON original.id = attachments.message_id
LEFT JOIN messages AS copied
  ON copied.session_id = :session_id AND copied.seq = original.seq AND copied.in_transcript = original.in_transcript
WHERE attachments.session_id = :origin_id AND (attachments.message_id IS NULL OR copied.id IS NOT NULL)
ORDER BY attachments.id"""
