"""Vectors of memories: what a model of embeddings made of their texts.

Why it is as it is:

- A vector is a BLOB of 32-bit floats, the lowest byte first. sqlite-vec, libSQL and numpy read it as it is.
- A memory has at most one vector of each model. All vectors of one model have the same number of dimensions.
- `id` keeps the vectors of a table in the order in which they were written, so a search reads the file in order.

The honest mistake that each trigger prevents:

- `memory_embeddings_have_one_length`, `memory_embeddings_keep_their_length`: vectors of another model under the same name.
  No distance between them means anything.
- `memory_embeddings_follow_the_text`: a vector of a text that was corrected. A search would find the memory by what it
  said before.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="013",
    description="Memory vectors",
    up=(
        """\
CREATE TABLE memory_embeddings (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  memory_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
  model TEXT NOT NULL CHECK (model <> ''),
  dimensions INTEGER NOT NULL CHECK (dimensions BETWEEN 1 AND 65536),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CONSTRAINT created_at_is_utc_with_ms CHECK (
    created_at BETWEEN '0001' AND '9999-12-31T23:59:59.999Z'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS created_at
    AND date(created_at, '+0 days') IS substr(created_at, 1, 10)
  ),
  vector BLOB NOT NULL CHECK (length(vector) = 4 * dimensions),
  UNIQUE (memory_id, model)
) STRICT""",
        "CREATE INDEX idx_memory_embeddings_model ON memory_embeddings (model)",
        """\
CREATE TRIGGER memory_embeddings_have_one_length BEFORE INSERT ON memory_embeddings
WHEN NEW.dimensions <> (SELECT dimensions FROM memory_embeddings WHERE model = NEW.model LIMIT 1)
BEGIN
  SELECT RAISE(ABORT, 'memory_embeddings: the vectors of this model have another number of dimensions');
END""",
        """\
CREATE TRIGGER memory_embeddings_keep_their_length BEFORE UPDATE OF model, dimensions ON memory_embeddings
WHEN NEW.dimensions <> (SELECT dimensions FROM memory_embeddings WHERE model = NEW.model LIMIT 1)
BEGIN
  SELECT RAISE(ABORT, 'memory_embeddings: the vectors of this model have another number of dimensions');
END""",
        """\
CREATE TRIGGER memory_embeddings_follow_the_text AFTER UPDATE OF text ON memories
WHEN NEW.text IS NOT OLD.text
BEGIN
  DELETE FROM memory_embeddings WHERE memory_id = NEW.id;
END""",
    ),
    down=(
        "DROP TRIGGER memory_embeddings_follow_the_text",
        "DROP TABLE memory_embeddings",
    ),
)
