"""SQL for the metrics of agents. Parameters are named as the columns; :since is included, :until is not."""

# Adds a metric; NULL for timeframe means 'event', for recorded_at now. Its id is the next number.
RECORD = """\
INSERT INTO agent_metrics (agent_id, metric_type, metric_value, timeframe, metadata_json, recorded_at)
VALUES (
  :agent_id, :metric_type, :metric_value, COALESCE(:timeframe, 'event'), :metadata_json,
  COALESCE(:recorded_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)"""

# Which metric has this id? One row with every column, or none.
GET_BY_ID = "SELECT * FROM agent_metrics WHERE id = :id"

# How did a metric of this agent go? At most :limit behind (:cursor_time, :cursor_id), in the order of their times.
SERIES = """\
SELECT * FROM agent_metrics
WHERE agent_id = :agent_id AND metric_type = :metric_type
  AND recorded_at >= :since AND recorded_at < :until AND (recorded_at, id) > (:cursor_time, :cursor_id)
  AND (:timeframe IS NULL OR timeframe = :timeframe)
ORDER BY recorded_at, id LIMIT :limit"""

# The same, the latest first.
SERIES_BACK = """\
SELECT * FROM agent_metrics
WHERE agent_id = :agent_id AND metric_type = :metric_type
  AND recorded_at >= :since AND recorded_at < :until AND (recorded_at, id) < (:cursor_time, :cursor_id)
  AND (:timeframe IS NULL OR timeframe = :timeframe)
ORDER BY recorded_at DESC, id DESC LIMIT :limit"""

# What does a metric come to in each hour, day, week (from Monday) or month (:by)? One row for each that has any, in order.
AGGREGATE = """\
SELECT
  period AS starts_at,
  count(*) AS count,
  min(metric_value) AS min,
  max(metric_value) AS max,
  avg(metric_value) AS mean,
  total(metric_value) AS sum,
  max(CASE WHEN newest = 1 THEN metric_value END) AS last
FROM (
  SELECT period, metric_value, row_number() OVER (PARTITION BY period ORDER BY recorded_at DESC, id DESC) AS newest
  FROM (
    SELECT id, recorded_at, metric_value, CASE :by
      WHEN 'hour' THEN substr(recorded_at, 1, 13) || ':00:00.000Z'
      WHEN 'day' THEN substr(recorded_at, 1, 10) || 'T00:00:00.000Z'
      WHEN 'week' THEN max(date(recorded_at, '-6 days', 'weekday 1'), '0001-01-01') || 'T00:00:00.000Z'
      ELSE substr(recorded_at, 1, 7) || '-01T00:00:00.000Z'
    END AS period
    FROM agent_metrics
    WHERE agent_id = :agent_id AND metric_type = :metric_type AND recorded_at >= :since AND recorded_at < :until
      AND (:timeframe IS NULL OR timeframe = :timeframe)
  )
)
GROUP BY period ORDER BY period"""

# Which metrics does this agent have? One row for each: metric_type, total and the time of the last, by name.
TYPES = """\
SELECT metric_type, count(*) AS total, max(recorded_at) AS last_recorded_at
FROM agent_metrics WHERE agent_id = :agent_id GROUP BY metric_type ORDER BY metric_type"""

# Removes one metric.
DELETE_BY_ID = "DELETE FROM agent_metrics WHERE id = :id"

# Removes the metrics of an agent that are older than :until, of one type or of all.
PRUNE = """\
DELETE FROM agent_metrics
WHERE agent_id = :agent_id AND (:metric_type IS NULL OR metric_type = :metric_type) AND recorded_at < :until"""
