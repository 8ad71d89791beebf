"""What a field of a memory cannot hold is an error that names the field; nothing is written, and work goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store_harness import Facade
from test_bad_input import (
    MISSING,
    NO_CHOICE,
    NO_CURSOR,
    NO_ID,
    NO_INTEGER,
    NO_JSON,
    NO_LIMIT,
    NO_TEXT,
    NO_TIME,
)

from agentdb.errors import FieldError
from agentdb.stores import UNSET

NO_SCORE = [
    *[(value, "too_large") for value in (1.0000001, 2, float("inf"), 10**400)],
    *[(value, "too_small") for value in (-0.1, -1, -float("inf"), float("nan"))],
    *[(value, "wrong_type") for value in (True, "0.5", b"1", [0.5], 1j, UNSET)],
]
FIELDS: dict[str, list[tuple[Any, str]]] = {
    "content": NO_JSON + MISSING + [(float("nan"), "not_json"), ("\ud800", "not_text"), (UNSET, "not_json")],
    "text": NO_TEXT,
    "type": NO_ID + MISSING,
    "memory_type": NO_TEXT,
    "agent_id": NO_ID,
    "user_id": NO_ID,
    "session_id": NO_ID,
    "importance": NO_SCORE + MISSING,
    "confidence": NO_SCORE + MISSING,
    "source_type": NO_TEXT,
    "verification_status": NO_CHOICE + MISSING,
    "expires_at": NO_TIME,
    "supersedes_id": NO_ID,
    "id": NO_ID,
    "created_at": NO_TIME,
    "updated_at": NO_TIME,
}
ACCESS_FIELDS: dict[str, list[tuple[Any, str]]] = {
    "memory_id": NO_ID + MISSING,
    "access_type": NO_CHOICE + MISSING,
    "accessed_by": NO_TEXT,
    "accessor_type": NO_CHOICE + MISSING,
    "context": NO_TEXT,
    "usefulness": NO_SCORE,
    "accessed_at": NO_TIME,
}
TABLES = ("memories", "memory_accesses", "memory_links", "memory_annotations", "memory_embeddings")


@pytest.fixture(autouse=True)
def rows(stores: Facade) -> None:
    """A memory 'm', with an access, an annotation and a vector."""
    stores.memories.create(content="tea", id="m")
    stores.memories.record_access("m")
    stores.memory_annotations.create("m", kind="verification")
    stores.memories.set_embedding("m", [1.0, 2.0], "model")


def check(stores: Facade, call: Callable[[], Any], field: str, code: str) -> None:
    snapshot = lambda: [stores.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]  # noqa: E731
    before = snapshot()
    with pytest.raises(FieldError) as raised:
        call()
    error = raised.value
    assert (error.field, error.code) == (field, code)
    assert len(error.message) < 300
    error.message.encode()
    assert snapshot() == before
    assert stores.memories.require("m").text == "tea"


@pytest.mark.parametrize("field", FIELDS)
def test_a_memory_is_not_created_with_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in FIELDS[field]:
        given = {"content": "cocoa", "id": "new", field: value}
        check(stores, lambda given=given: stores.memories.create(**given), field, code)


@pytest.mark.parametrize("field", sorted(FIELDS.keys() - {"id", "created_at", "updated_at", "supersedes_id"}))
def test_a_memory_is_not_given_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in FIELDS[field]:
        if value is not UNSET:
            check(stores, lambda value=value: stores.memories.update("m", **{field: value}), field, code)
            given = {"content": "cocoa", field: value}
            check(stores, lambda given=given: stores.memories.supersede("m", **given), field, code)
            check(stores, lambda given=given: stores.memories.update("m", **given), field, code)


@pytest.mark.parametrize("field", ACCESS_FIELDS)
def test_an_access_is_not_recorded_with_what_its_field_cannot_hold(stores: Facade, field: str) -> None:
    for value, code in ACCESS_FIELDS[field]:
        given = {"memory_id": "m", field: value}
        check(stores, lambda given=given: stores.memories.record_access(**given), field, code)
        check(stores, lambda given=given: stores.memory_accesses.create(**given), field, code)


TEXT_IDS: dict[str, tuple[str, Callable[[Facade, Any], Any]]] = {
    **{
        f"memories.{name}": ("id", lambda db, id, name=name: getattr(db.memories, name)(id))
        for name in ("get", "require", "versions", "successor", "delete", "forget")
    },
    "memories.forget_user": ("user_id", lambda db, id: db.memories.forget_user(id)),
    "memories.update": ("id", lambda db, id: db.memories.update(id, type="x")),
    "memories.supersede": ("id", lambda db, id: db.memories.supersede(id, content=1)),
    **{
        f"annotations.{name}": ("id", lambda db, id, name=name: getattr(db.memory_annotations, name)(id))
        for name in ("get", "require", "apply", "delete")
    },
    "annotations.create": ("memory_id", lambda db, id: db.memory_annotations.create(id, kind="verification")),
    "accesses.page": ("memory_id", lambda db, id: db.memory_accesses.page(id)),
    "links.create": ("memory_id", lambda db, id: db.memory_links.create(id, "m")),
    "links.create to": ("related_id", lambda db, id: db.memory_links.create("m", id)),
    "links.page": ("memory_id", lambda db, id: db.memory_links.page(id)),
    "links.related": ("memory_id", lambda db, id: db.memory_links.related(id)),
    "embeddings.get": ("memory_id", lambda db, id: db.memory_embeddings.get(id, "model")),
    "embeddings.get model": ("model", lambda db, id: db.memory_embeddings.get("m", id)),
    "embeddings.delete": ("memory_id", lambda db, id: db.memory_embeddings.delete(id, "model")),
    "embeddings.delete_model": ("model", lambda db, id: db.memory_embeddings.delete_model(id)),
    "embeddings.missing": ("model", lambda db, id: db.memory_embeddings.missing(id)),
}


@pytest.mark.parametrize("name", TEXT_IDS)
def test_what_is_no_id_is_refused_everywhere(stores: Facade, name: str) -> None:
    field, call = TEXT_IDS[name]
    for value, code in NO_ID + MISSING:
        check(stores, lambda value=value: call(stores, value), field, code)


def test_what_is_no_number_of_a_row_is_refused_everywhere(stores: Facade) -> None:
    for value, code in NO_INTEGER + MISSING:
        for store in (stores.memory_accesses, stores.memory_links):
            for call in (store.get, store.require, store.delete):
                check(stores, lambda value=value, call=call: call(value), "id", code)


LISTS: dict[str, Callable[..., Any]] = {
    "memories": lambda db, **asked: db.memories.list(**asked),
    "memories of a user": lambda db, **asked: db.memories.list(user_id="u", **asked),
    "annotations": lambda db, **asked: db.memory_annotations.list(**asked),
    "annotations of a memory": lambda db, **asked: db.memory_annotations.list("m", **asked),
    "accesses": lambda db, **asked: db.memory_accesses.page("m", **asked),
    "links": lambda db, **asked: db.memory_links.page("m", **asked),
    "memories without a vector": lambda db, **asked: db.memory_embeddings.missing("model", **asked),
}


@pytest.mark.parametrize("name", LISTS)
def test_limits_and_cursors_are_checked(stores: Facade, name: str) -> None:
    for value, code in NO_LIMIT:
        check(stores, lambda value=value: LISTS[name](stores, limit=value), "limit", code)
    for value in NO_CURSOR:
        check(stores, lambda value=value: LISTS[name](stores, cursor=value), "cursor", "bad_cursor")


def test_a_filter_is_checked_like_a_field(stores: Facade) -> None:
    for value, code in NO_ID:
        for field in ("user_id", "agent_id", "session_id", "type"):
            check(stores, lambda value=value, field=field: stores.memories.list(**{field: value}), field, code)
        check(stores, lambda value=value: stores.memories.count(user_id=value), "user_id", code)
    for value, code in NO_TIME:
        check(stores, lambda value=value: stores.memories.expire(value), "now", code)
    for value in (1, "yes", None):
        code = "missing_value" if value is None else "wrong_type"
        check(stores, lambda value=value: stores.memories.list(include_outdated=value), "include_outdated", code)


def test_every_plane_of_unicode_and_all_syntax_is_stored_faithfully(stores: Facade) -> None:
    text = (
        "".join(chr(plane * 0x10000 + 0x41) for plane in range(17)) + '\0\'";--%_*"()^{}NEAR/1 OR NOT \u202e\ufeff\r\n'
    )
    fields = dict.fromkeys(("type", "memory_type", "user_id", "source_type", "id", "text"), text)
    memory = stores.memories.create(content={text: text}, **fields)
    assert stores.memories.require(text) == memory
    assert {name: getattr(memory, name) for name in fields} == fields
    assert memory.content == {text: text}
    access = stores.memories.record_access(text, accessed_by=text, context=text)
    assert stores.memory_accesses.require(access.id) == access
    stores.memories.set_embedding(text, [1.0, 1.0], text)
    assert stores.memory_embeddings.require(text, text).model == text
    assert [hit.memory.id for hit in stores.memories.recall(text, user_id=text, type=text)] == [text]
    assert stores.memory_links.create(text, "m", kind=text).kind == text
    annotation = stores.memory_annotations.create(text, kind="correction", content=text, created_by=text, id=text)
    assert stores.memory_annotations.apply(annotation.id).content == text
    assert stores.memories.forget_user(text) == 1
