"""Kept counters: what a session says of its messages is theirs to say, raw SQL included.

- The triggers that count leave a mark in `counting` while they do; any other statement that writes a counter is refused,
  unless it writes what is true. That much it may: so a counter from before this migration can be set right, and a whole
  row can be written back as it was read. Who counts by hand puts a mark there himself, and knows what he does.
- A session begins with nothing counted; it may begin with a last_seq, as one that is copied from another database does.
- A last_seq may be raised, as a removal of what was there would leave it, but no statement jumps beyond 2**52: one message
  with the last of all numbers would end its conversation. Counting from there takes no harm: as many numbers follow.
- The mark is one row: a trigger and what it fires are one statement, and no other statement comes in between. One that
  somebody has left there goes with the next message.
"""

from __future__ import annotations

from agentdb.engine.migration import Migration

MIGRATION = Migration(
    id="009",
    description="Kept counters",
    up=(
        "CREATE TABLE counting (mark INTEGER NOT NULL PRIMARY KEY CHECK (mark = 1)) STRICT",
        "DROP TRIGGER messages_counted_in",
        "DROP TRIGGER messages_counted_out",
        "DROP TRIGGER messages_counted_anew",
        "DROP TRIGGER compaction_events_counted_in",
        "DROP TRIGGER compaction_events_counted_out",
        """\
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages
BEGIN
  INSERT INTO counting VALUES (1) ON CONFLICT DO NOTHING;
  UPDATE sessions SET
    last_seq = max(last_seq, NEW.seq),
    message_count = message_count + 1,
    total_tokens = total_tokens + COALESCE(NEW.token_count, 0),
    last_activity_at = max(COALESCE(last_activity_at, NEW.created_at), NEW.created_at)
  WHERE id = NEW.session_id;
  DELETE FROM counting;
END""",
        """\
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages
BEGIN
  INSERT INTO counting VALUES (1) ON CONFLICT DO NOTHING;
  UPDATE sessions SET
    message_count = message_count - 1,
    total_tokens = total_tokens - COALESCE(OLD.token_count, 0)
  WHERE id = OLD.session_id;
  DELETE FROM counting;
END""",
        """\
CREATE TRIGGER messages_counted_anew AFTER UPDATE OF token_count ON messages
WHEN NEW.token_count IS NOT OLD.token_count
BEGIN
  INSERT INTO counting VALUES (1) ON CONFLICT DO NOTHING;
  UPDATE sessions SET total_tokens = total_tokens - COALESCE(OLD.token_count, 0) + COALESCE(NEW.token_count, 0)
  WHERE id = NEW.session_id;
  DELETE FROM counting;
END""",
        """\
CREATE TRIGGER compaction_events_counted_in AFTER INSERT ON compaction_events
WHEN NEW.restored_at IS NULL
BEGIN
  INSERT INTO counting VALUES (1) ON CONFLICT DO NOTHING;
  UPDATE sessions SET compaction_count = compaction_count + 1 WHERE id = NEW.session_id;
  DELETE FROM counting;
END""",
        """\
CREATE TRIGGER compaction_events_counted_out AFTER UPDATE OF restored_at ON compaction_events
WHEN OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL
BEGIN
  INSERT INTO counting VALUES (1) ON CONFLICT DO NOTHING;
  UPDATE sessions SET compaction_count = compaction_count - 1 WHERE id = NEW.session_id;
  DELETE FROM counting;
END""",
        """\
CREATE TRIGGER sessions_begin_with_nothing_counted AFTER INSERT ON sessions
WHEN NEW.message_count <> 0 OR NEW.total_tokens <> 0 OR NEW.compaction_count <> 0 OR NEW.last_seq > 4503599627370496
BEGIN
  SELECT RAISE(ABORT, 'sessions: counters begin at 0, and messages count themselves in; last_seq is at most 2**52');
END""",
        """\
CREATE TRIGGER sessions_are_counted_by_triggers BEFORE UPDATE OF last_seq, message_count, total_tokens, compaction_count
ON sessions
WHEN NOT EXISTS (SELECT 1 FROM counting) AND (
  NEW.last_seq > OLD.last_seq AND NEW.last_seq > 4503599627370496
  OR NEW.message_count IS NOT OLD.message_count
    AND NEW.message_count IS NOT (SELECT count(*) FROM messages WHERE session_id = OLD.id)
  OR NEW.total_tokens IS NOT OLD.total_tokens
    AND NEW.total_tokens IS NOT (SELECT COALESCE(sum(token_count), 0) FROM messages WHERE session_id = OLD.id)
  OR NEW.compaction_count IS NOT OLD.compaction_count AND NEW.compaction_count IS NOT (
    SELECT count(*) FROM compaction_events WHERE session_id = OLD.id AND restored_at IS NULL
  )
)
BEGIN
  SELECT RAISE(ABORT, 'sessions: its messages keep the counters, and nobody else; last_seq is raised to at most 2**52');
END""",
        """\
CREATE TRIGGER messages_leave_room_behind_them BEFORE INSERT ON messages
WHEN NEW.seq > 4503599627370496 AND NEW.seq > (SELECT last_seq + 1 FROM sessions WHERE id = NEW.session_id)
BEGIN
  SELECT RAISE(ABORT, 'messages: this seq leaves too few behind it; take last_seq + 1 of the session');
END""",
    ),
    down=(
        "DROP TRIGGER messages_leave_room_behind_them",
        "DROP TRIGGER sessions_are_counted_by_triggers",
        "DROP TRIGGER sessions_begin_with_nothing_counted",
        "DROP TRIGGER compaction_events_counted_out",
        "DROP TRIGGER compaction_events_counted_in",
        "DROP TRIGGER messages_counted_anew",
        "DROP TRIGGER messages_counted_out",
        "DROP TRIGGER messages_counted_in",
        "DROP TABLE counting",
        """\
CREATE TRIGGER messages_counted_in AFTER INSERT ON messages
BEGIN
  UPDATE sessions SET
    last_seq = max(last_seq, NEW.seq),
    message_count = message_count + 1,
    total_tokens = total_tokens + COALESCE(NEW.token_count, 0),
    last_activity_at = max(COALESCE(last_activity_at, NEW.created_at), NEW.created_at)
  WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER messages_counted_out AFTER DELETE ON messages
BEGIN
  UPDATE sessions SET
    message_count = message_count - 1,
    total_tokens = total_tokens - COALESCE(OLD.token_count, 0)
  WHERE id = OLD.session_id;
END""",
        """\
CREATE TRIGGER messages_counted_anew AFTER UPDATE OF token_count ON messages
WHEN NEW.token_count IS NOT OLD.token_count
BEGIN
  UPDATE sessions SET total_tokens = total_tokens - COALESCE(OLD.token_count, 0) + COALESCE(NEW.token_count, 0)
  WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER compaction_events_counted_in AFTER INSERT ON compaction_events
WHEN NEW.restored_at IS NULL
BEGIN
  UPDATE sessions SET compaction_count = compaction_count + 1 WHERE id = NEW.session_id;
END""",
        """\
CREATE TRIGGER compaction_events_counted_out AFTER UPDATE OF restored_at ON compaction_events
WHEN OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL
BEGIN
  UPDATE sessions SET compaction_count = compaction_count - 1 WHERE id = NEW.session_id;
END""",
    ),
)
