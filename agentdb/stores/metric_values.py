"""What the metrics of sessions and of agents have in common: their values, and the questions about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from agentdb.errors import FieldError
from agentdb.operations import execute
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import COUNT, ID, TIME, Field, one_of
from agentdb.stores.pages import Key, page

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.pages import Page

#: What a metric covers: one event, or a time that somebody has summed up.
Timeframe: TypeAlias = Literal["event", "hour", "day", "week", "month"]
#: What aggregate() sums up by. A week begins on Monday, all in UTC.
Period: TypeAlias = Literal["hour", "day", "week", "month"]

TIMEFRAME = one_of("event", "hour", "day", "week", "month")
_PERIOD = one_of("hour", "day", "week", "month")
_BEFORE_ALL, _BEHIND_ALL = "", "\U0010ffff"
_BY_RECORDED_AT = Key(("recorded_at", "id"), ("cursor_time", "cursor_id"), ("", 0), (_BEHIND_ALL, 0))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError.of(name, value, f"is a number, not {type(value).__name__}", code="wrong_type")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise FieldError.of(name, value, "is not a finite number", code="too_large", remedy="Give a finite number.")
    return number


NUMBER = Field(_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAggregate(Values):
    """What a metric comes to in one period, which begins at `starts_at`. `last` is the value of the latest time."""

    starts_at: datetime
    count: int
    min: float
    max: float
    mean: float
    sum: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricType(Values):
    """One kind of metric that there is: how many times it was recorded, and when last."""

    metric_type: str
    total: int
    last_recorded_at: datetime


METRIC_AGGREGATE = Entity(
    MetricAggregate, starts_at=TIME, count=COUNT, min=NUMBER, max=NUMBER, mean=NUMBER, sum=NUMBER, last=NUMBER
)
METRIC_TYPE = Entity(MetricType, metric_type=ID, total=COUNT, last_recorded_at=TIME)


def question(
    owner: str,
    id: str,
    metric_type: str,
    timeframe: Timeframe | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    """What a question about a metric binds: whose, which, and of when. `owner` is the column. Raises FieldError."""
    return {
        owner: ID.encode(owner, id),
        "metric_type": ID.encode("metric_type", metric_type),
        "timeframe": None if timeframe is None else TIMEFRAME.encode("timeframe", timeframe),
        "since": _BEFORE_ALL if since is None else TIME.encode("since", since),
        "until": _BEHIND_ALL if until is None else TIME.encode("until", until),
    }


def series(
    entity: Entity[Any], sql: str, args: dict[str, Any], limit: int, cursor: str | None, newest_first: bool
) -> Steps[Page[Any]]:
    """A page of the metrics that a question is about."""
    return (
        yield from page(
            entity, sql, args, limit=limit, cursor=cursor, oldest_first=not newest_first, key=_BY_RECORDED_AT
        )
    )


def aggregate(sql: str, args: dict[str, Any], by: Period) -> Steps[list[MetricAggregate]]:
    """What the metrics that a question is about come to in each period."""
    return (yield from METRIC_AGGREGATE.many(sql, {**args, "by": _PERIOD.encode("by", by)}))


def prune(sql: str, owner: str, id: str, before: datetime, metric_type: str | None) -> Steps[int]:
    """Delete what is older than `before`; how many."""
    args = {
        owner: ID.encode(owner, id),
        "metric_type": None if metric_type is None else ID.encode("metric_type", metric_type),
        "until": TIME.encode("before", before),
    }
    return (yield from execute(sql, args)).rows_affected
