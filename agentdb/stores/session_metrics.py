"""Metrics of sessions: numbers over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import Operations, W, execute, operation
from agentdb.queries import session_metrics
from agentdb.stores import metric_values
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import ID, INTEGER, JSON_OBJECT, TIME, JsonObject
from agentdb.stores.metric_values import (
    METRIC_TYPE,
    NUMBER,
    TIMEFRAME,
    MetricAggregate,
    MetricType,
    Period,
    Timeframe,
    question,
)

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMetric(Values):
    """One number that was measured of a session. `timeframe` says what it covers."""

    id: int
    session_id: str
    metric_type: str
    metric_value: float
    timeframe: Timeframe
    metadata: JsonObject | None
    recorded_at: datetime


SESSION_METRIC = Entity(
    SessionMetric,
    id=INTEGER,
    session_id=ID,
    metric_type=ID,
    metric_value=NUMBER,
    timeframe=TIMEFRAME,
    metadata=JSON_OBJECT.or_none().stored_as("metadata_json"),
    recorded_at=TIME,
)


class SessionMetricStore(Operations[W]):
    """The metrics of a database's sessions. They go with the session."""

    @operation
    def record(
        self,
        session_id: str,
        *,
        metric_type: str,
        metric_value: float,
        timeframe: Timeframe = "event",
        metadata: JsonObject | None = None,
        recorded_at: datetime | None = None,
    ) -> Steps[SessionMetric]:
        """Add a number to a metric of a session.

        Args:
            session_id: The session.
            metric_type: A word of the caller's, such as 'latency_ms'.
            metric_value: A finite number, in the unit that the metric_type implies.
            timeframe: What it covers: one event, or a period that the caller has summed up.
            metadata: A dict of the caller's.
            recorded_at: When it was measured; now, if it is not given.

        Raises:
            NotFoundError: There is no such session.
            FieldError: A value that its field cannot hold.
        """
        row = SESSION_METRIC.new(locals())
        try:
            result = yield from execute(session_metrics.RECORD, row)
        except IntegrityError as error:
            if error.code == "foreign_key":
                raise NotFoundError(f"session_id: there is no session {session_id!r}") from error
            raise
        return SESSION_METRIC.of_encoded({"id": result.last_insert_rowid, **row})

    @operation
    def get(self, id: int) -> Steps[SessionMetric | None]:
        """The metric with this id, or None."""
        return (yield from SESSION_METRIC.one(session_metrics.GET_BY_ID, {"id": INTEGER.encode("id", id)}))

    @operation
    def require(self, id: int) -> Steps[SessionMetric]:
        """The metric with this id. Raises NotFoundError."""
        metric = yield from self.get.steps(id)
        if metric is None:
            raise SESSION_METRIC.not_found(id)
        return metric

    @operation
    def series(
        self,
        session_id: str,
        metric_type: str,
        *,
        timeframe: Timeframe | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = False,
    ) -> Steps[Page[SessionMetric]]:
        """A page of what was recorded of one metric, in the order of its times or from their end.

        Args:
            session_id: The session.
            metric_type: The metric.
            timeframe: What covers this alone; None: everything.
            since: From this time on, included.
            until: Before this time.
            limit: At most this many, from 1 to 10,000.
            cursor: `next_cursor` of the page before.
            newest_first: The latest first.

        Raises:
            FieldError: A value that is none of its kind.
        """
        args = question("session_id", session_id, metric_type, timeframe, since, until)
        sql = session_metrics.SERIES_BACK if newest_first else session_metrics.SERIES
        return (yield from metric_values.series(SESSION_METRIC, sql, args, limit, cursor, newest_first))

    @operation
    def aggregate(
        self,
        session_id: str,
        metric_type: str,
        *,
        by: Period,
        timeframe: Timeframe | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Steps[list[MetricAggregate]]:
        """Count, minimum, maximum, mean, sum and last value for each period that has any, in order.

        A period is an hour, a day, a week from Monday, or a month, in UTC. The arguments are those of series().
        """
        args = question("session_id", session_id, metric_type, timeframe, since, until)
        return (yield from metric_values.aggregate(session_metrics.AGGREGATE, args, by))

    @operation
    def types(self, session_id: str) -> Steps[list[MetricType]]:
        """Which metrics a session has, by name."""
        return (yield from METRIC_TYPE.many(session_metrics.TYPES, {"session_id": ID.encode("session_id", session_id)}))

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Delete one number; False if there is none."""
        return (yield from execute(session_metrics.DELETE_BY_ID, {"id": INTEGER.encode("id", id)})).rows_affected > 0

    @operation
    def prune(self, session_id: str, *, before: datetime, metric_type: str | None = None) -> Steps[int]:
        """Delete what was recorded before a time, of one metric or of all; how many."""
        return (yield from metric_values.prune(session_metrics.PRUNE, "session_id", session_id, before, metric_type))
