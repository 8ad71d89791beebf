from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields, log_fields

from agentdb.errors import FieldError, NotFoundError
from agentdb.stores import UNSET, NewLog, SessionLog

CONTENTS = ["", "text", 0, -1.5, 10**30, True, False, [], {}, [None], {"a": {"b": [1, 2.5, "x", None, False]}}]


@pytest.fixture(autouse=True)
def session(stores: Facade) -> str:
    agent = stores.agents.create(**agent_fields())
    stores.sessions.create(main_agent_id=agent.id, id="other")
    return str(stores.sessions.create(main_agent_id=agent.id, id="s").id)


def message(**changes: Any) -> dict[str, Any]:
    return {"role": "user", "type": "message", "content": "hello", **changes}


def tree(stores: Facade) -> dict[str, int]:
    """a(b(d), c(e(f))) and g beside it, logged in the order of the alphabet."""
    ids: dict[str, int] = {}
    for name, parent in (("a", None), ("b", "a"), ("c", "a"), ("d", "b"), ("e", "c"), ("f", "e"), ("g", None)):
        parent_id = None if parent is None else ids[parent]
        ids[name] = stores.session_logs.append("s", **message(content=name, parent_id=parent_id)).id
    return ids


def test_what_is_not_given_is_the_default(stores: Facade, session: str) -> None:
    log = stores.session_logs.append(session, **message())
    assert (log.session_id, log.parent_id, log.metadata) == ("s", None, None)
    assert timedelta(0) <= datetime.now(UTC) - log.created_at < timedelta(minutes=1)
    assert log.updated_at == log.created_at
    assert stores.session_logs.get(log.id) == stores.session_logs.require(log.id) == log


def test_what_is_given_is_what_is_read(stores: Facade, session: str) -> None:
    parent = stores.session_logs.append(session, **message()).id
    log = stores.session_logs.append(session, **log_fields(), parent_id=parent)
    assert isinstance(log, SessionLog)
    assert {name: getattr(log, name) for name in log_fields()} == log_fields()
    assert log.parent_id == parent
    assert stores.session_logs.get(log.id) == log
    assert json.loads(json.dumps(log.to_dict())) == log.to_dict()


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_content_is_any_json_but_null(stores: Facade, session: str, content: Any) -> None:
    ids = [stores.session_logs.append(session, **message(content=content)).id for _ in range(9)]
    for log in (stores.session_logs.get(ids[0]), *stores.session_logs.page(session).items):
        assert log.content == content
        assert type(log.content) is type(content)


def test_what_is_missing_is_none_or_an_error_that_names_it(stores: Facade) -> None:
    logs = stores.session_logs
    assert logs.get(99) is None
    assert logs.exists(99) is False
    assert logs.delete(99) == 0
    assert logs.clear("nowhere") == logs.count("nowhere") == 0
    assert logs.children(99) == logs.subtree(99) == logs.latest("nowhere") == logs.page("nowhere").items == []
    with pytest.raises(NotFoundError, match="session log 99"):
        logs.require(99)
    with pytest.raises(NotFoundError, match="session log 99"):
        logs.update(99, content=1)


def test_update_changes_what_is_given_and_stamps_the_time(stores: Facade, session: str) -> None:
    before = stores.session_logs.append(session, **log_fields())
    for changes in ({"content": [1]}, {"metadata": {"a": 1}}, {"metadata": None}, {"content": 0, "metadata": {}}, {}):
        after = stores.session_logs.update(before.id, **changes)
        assert after.updated_at > before.updated_at
        expected = before.to_dict() | changes | {"updated_at": after.to_dict()["updated_at"]}
        assert after.to_dict() == expected
        assert stores.session_logs.get(before.id) == after
        before = stores.session_logs.append(session, **log_fields())
    assert stores.session_logs.update(before.id, content=UNSET, metadata=UNSET).content == before.content


def test_append_many_adds_in_order_and_takes_any_iterable(stores: Facade, session: str) -> None:
    first = stores.session_logs.append(session, **message())
    news = [NewLog(**log_fields(content=number), parent_id=first.id) for number in range(20)]
    added = stores.session_logs.append_many(session, iter(news))
    assert [log.content for log in added] == list(range(20))
    assert sorted(log.id for log in added) == [log.id for log in added]
    assert stores.session_logs.children(first.id) == added
    assert stores.session_logs.append_many(session, []) == []
    assert stores.session_logs.append_many(session, (NewLog(**message()) for _ in range(2)))[1].content == "hello"


def test_append_many_adds_all_or_none(stores: Facade, session: str) -> None:
    good = NewLog(**message())
    for bad, error in (
        (NewLog(**message(parent_id=99)), NotFoundError),
        (NewLog(**message(content={1, 2})), FieldError),
        ("text", FieldError),
    ):
        with pytest.raises(error):
            stores.session_logs.append_many(session, [good, bad, good])  # type: ignore[list-item]
        assert stores.totals() == (1, 2, 0)
    with pytest.raises(NotFoundError, match="session_id: there is no session 'nowhere'"):
        stores.session_logs.append_many("nowhere", [good])
    assert len(stores.session_logs.append_many(session, [good])) == 1


def test_an_iterable_that_fails_adds_nothing(stores: Facade, session: str) -> None:
    def failing() -> Any:
        yield NewLog(**message())
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        stores.session_logs.append_many(session, failing())
    assert stores.totals() == (1, 2, 0)


def test_the_transcript_is_in_order_of_time_then_id_from_both_ends(stores: Facade, session: str) -> None:
    ids = [
        stores.session_logs.append(session, **message(created_at=AT + timedelta(hours=hours))).id
        for hours in (0, 2, 1, 0, 2)
    ]
    order = [ids[number] for number in (0, 3, 2, 1, 4)]
    stores.session_logs.append("other", **message())
    logs = stores.session_logs

    def walk(**options: Any) -> list[int]:
        found, cursor = [], None
        while True:
            page = logs.page(session, limit=2, cursor=cursor, **options)
            found += [log.id for log in page.items]
            assert page.has_more is (page.next_cursor is not None)
            if not page.has_more:
                return found
            cursor = page.next_cursor

    assert walk() == order
    assert walk(newest_first=True) == order[::-1]
    assert [log.id for log in logs.latest(session)] == order
    assert [log.id for log in logs.latest(session, 2)] == order[-2:]
    assert logs.count(session) == 5
    assert logs.exists(ids[0]) is True


def test_a_tree_is_read_from_any_log_with_its_depth(stores: Facade) -> None:
    ids = tree(stores)
    logs = stores.session_logs

    def names(id: int) -> str:
        return " ".join(f"{entry.log.content}{entry.depth}" for entry in logs.subtree(id))

    assert names(ids["a"]) == "a0 b1 c1 d2 e2 f3"
    assert names(ids["c"]) == "c0 e1 f2"
    assert names(ids["g"]) == "g0"
    assert [log.content for log in logs.children(ids["a"])] == ["b", "c"]
    assert logs.children(ids["g"]) == []
    assert logs.subtree(ids["a"])[0].log == logs.get(ids["a"])
    assert json.dumps(logs.subtree(ids["a"])[0].to_dict())


def test_a_subtree_is_in_transcript_order_whatever_its_shape(stores: Facade, session: str) -> None:
    parent = stores.session_logs.append(session, **message(created_at=AT + timedelta(days=1)))
    for days in (3, -1):
        stores.session_logs.append(
            session, **message(content=days, created_at=AT + timedelta(days=days)), parent_id=parent.id
        )
    assert [entry.depth for entry in stores.session_logs.subtree(parent.id)] == [1, 0, 1]
    assert [log.content for log in stores.session_logs.children(parent.id)] == [-1, 3]


def test_deleting_a_log_deletes_what_hangs_below_it(stores: Facade) -> None:
    ids = tree(stores)
    logs = stores.session_logs
    assert logs.delete(ids["c"]) == 3
    assert [log.content for log in logs.page("s").items] == ["a", "b", "d", "g"]
    assert logs.delete(ids["g"]) == 1
    assert logs.delete(ids["a"]) == 3
    assert logs.count("s") == 0


def test_clear_empties_one_session(stores: Facade) -> None:
    tree(stores)
    stores.session_logs.append("other", **message())
    assert stores.session_logs.clear("s") == 7
    assert (stores.session_logs.count("s"), stores.session_logs.count("other")) == (0, 1)
