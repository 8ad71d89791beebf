"""The metrics of sessions and those of agents: one behaviour, two owners."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_harness import AT, Facade, agent_fields

from agentdb import AgentDB
from agentdb.errors import FieldError, NotFoundError


@pytest.fixture(params=["session_metrics", "agent_metrics"])
def metrics(request: pytest.FixtureRequest, stores: Facade) -> Facade:
    """The store of one of the two, whose owner is 'x'."""
    agent = stores.agents.create(**agent_fields(id="x"))
    stores.sessions.create(main_agent_id=agent.id, id="x")
    found = getattr(stores, request.param)
    assert isinstance(found, Facade)
    return found


def record(metrics: Facade, value: float, at: datetime, metric_type: str = "latency", **more: Any) -> Any:
    return metrics.record("x", metric_type=metric_type, metric_value=value, recorded_at=at, **more)


def test_what_is_given_is_what_is_read(metrics: Facade) -> None:
    metric = record(metrics, 0.5, AT, timeframe="hour", metadata={"unit": "ms"})
    assert (metric.metric_type, metric.metric_value, metric.timeframe) == ("latency", 0.5, "hour")
    assert (metric.metadata, metric.recorded_at) == ({"unit": "ms"}, AT)
    assert metrics.get(metric.id) == metrics.require(metric.id) == metric
    assert json.loads(json.dumps(metric.to_dict())) == metric.to_dict()
    plain = metrics.record("x", metric_type="latency", metric_value=3)
    assert (plain.metric_value, plain.timeframe, plain.metadata) == (3.0, "event", None)
    assert timedelta(0) <= datetime.now(UTC) - plain.recorded_at < timedelta(minutes=1)


def test_a_series_is_in_the_order_of_time_and_comes_by_page(metrics: Facade) -> None:
    for minute in (3, 1, 2, 2, 5, 4):
        record(metrics, minute, AT + timedelta(minutes=minute))
    record(metrics, 9, AT, "another")
    first = metrics.series("x", "latency", limit=4)
    assert [metric.metric_value for metric in first.items] == [1, 2, 2, 3]
    rest = metrics.series("x", "latency", limit=4, cursor=first.next_cursor)
    assert [metric.metric_value for metric in rest.items] == [4, 5]
    back = metrics.series("x", "latency", newest_first=True, limit=2)
    assert [metric.metric_value for metric in back.items] == [5, 4]
    between = metrics.series("x", "latency", since=AT + timedelta(minutes=2), until=AT + timedelta(minutes=4))
    assert [metric.metric_value for metric in between.items] == [2, 2, 3]
    record(metrics, 7, AT, timeframe="day")
    assert [metric.metric_value for metric in metrics.series("x", "latency", timeframe="day").items] == [7]
    assert [(kind.metric_type, kind.total) for kind in metrics.types("x")] == [("another", 1), ("latency", 7)]


@pytest.mark.parametrize(
    ("by", "start"),
    [
        ("hour", datetime(2024, 5, 17, 12, tzinfo=UTC)),
        ("day", datetime(2024, 5, 17, tzinfo=UTC)),
        ("week", datetime(2024, 5, 13, tzinfo=UTC)),  # a Monday
        ("month", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_an_aggregate_says_what_each_period_comes_to(metrics: Facade, by: str, start: datetime) -> None:
    later = AT + timedelta(minutes=1)
    for value, at in ((4.0, AT), (-1.0, later), (6.0, AT), (2.0, later), (8.0, AT + timedelta(days=40))):
        record(metrics, value, at)
    this, other = metrics.aggregate("x", "latency", by=by)
    assert (this.starts_at, this.count, this.min, this.max) == (start, 4, -1.0, 6.0)
    assert (this.mean, this.sum, this.last) == (2.75, 11.0, 2.0)
    assert (other.count, other.last) == (1, 8.0)
    assert metrics.aggregate("x", "latency", by=by, until=AT) == []
    assert [each.count for each in metrics.aggregate("x", "latency", by=by, since=later, until=later)] == []
    assert [each.count for each in metrics.aggregate("x", "latency", by=by, timeframe="hour")] == []


def test_the_first_and_the_last_day_there_are_can_be_summed_up(metrics: Facade) -> None:
    ends = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    for at in ends:
        record(metrics, 1, at)
    for by in ("hour", "day", "week", "month"):
        assert [each.count for each in metrics.aggregate("x", "latency", by=by)] == [1, 1]


def test_metrics_are_deleted_one_by_one_or_by_age(metrics: Facade) -> None:
    first = record(metrics, 1, AT)
    record(metrics, 2, AT, "another")
    record(metrics, 3, AT + timedelta(days=1))
    assert metrics.delete(first.id) is True
    assert metrics.delete(first.id) is False
    assert metrics.prune("x", before=AT + timedelta(hours=1), metric_type="latency") == 0
    assert metrics.prune("x", before=AT + timedelta(hours=1)) == 1
    assert [metric.metric_value for metric in metrics.series("x", "latency").items] == [3]


def test_what_is_missing_or_wrong_is_refused_and_nothing_is_written(metrics: Facade) -> None:
    with pytest.raises(NotFoundError, match="_id: there is no"):
        metrics.record("nobody", metric_type="latency", metric_value=1)
    with pytest.raises(NotFoundError):
        metrics.require(10**6)
    bad: list[dict[str, Any]] = [
        {"metric_value": value} for value in (float("nan"), float("inf"), -float("inf"), 10**400, True, "1", None)
    ]
    bad += [{"metric_type": ""}, {"timeframe": "year"}, {"metadata": [1]}, {"recorded_at": datetime(2024, 1, 1)}]
    for arguments in bad:
        with pytest.raises(FieldError):
            metrics.record("x", **{"metric_type": "latency", "metric_value": 1, **arguments})
    for question in ({"by": "year"}, {"by": "day", "since": "yesterday"}, {"by": "day", "timeframe": ""}):
        with pytest.raises(FieldError):
            metrics.aggregate("x", "latency", **question)
    assert metrics.types("x") == []


def test_metrics_go_with_their_owner(stores: Facade) -> None:
    agent = stores.agents.create(**agent_fields(id="x"))
    stores.sessions.create(main_agent_id=agent.id, id="x")
    stores.session_metrics.record("x", metric_type="a", metric_value=1)
    stores.agent_metrics.record("x", metric_type="a", metric_value=1)
    stores.agents.delete("x", cascade=True)
    assert stores.rows("SELECT (SELECT count(*) FROM session_metrics), (SELECT count(*) FROM agent_metrics)") == [
        (0, 0)
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6),
            st.datetimes(datetime(2023, 12, 20), datetime(2024, 2, 1)).map(lambda at: at.replace(tzinfo=UTC)),
        ),
        max_size=30,
    ),
    st.sampled_from(["hour", "day", "week", "month"]),
)
def test_an_aggregate_is_what_python_would_count(numbers: list[tuple[float, datetime]], by: str) -> None:
    def start(at: datetime) -> datetime:
        hour = at.replace(minute=0, second=0, microsecond=0)
        day = hour.replace(hour=0)
        return {"hour": hour, "day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[by]

    with AgentDB.open(":memory:") as db:
        agent = db.agents.create(name="a", model="m")
        for value, at in numbers:
            db.agent_metrics.record(agent.id, metric_type="n", metric_value=value, recorded_at=at)
        found = db.agent_metrics.aggregate(agent.id, "n", by=by)
    periods: dict[datetime, list[tuple[datetime, int, float]]] = {}
    for order, (value, at) in enumerate(numbers):
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        periods.setdefault(start(at), []).append((at, order, value))
    assert [each.starts_at for each in found] == sorted(periods)
    for each in found:
        values = [value for _, _, value in sorted(periods[each.starts_at])]
        assert (each.count, each.min, each.max, each.last) == (len(values), min(values), max(values), values[-1])
        assert each.sum == pytest.approx(sum(values), abs=1e-3)
        assert each.mean == pytest.approx(sum(values) / len(values), abs=1e-3)
