from __future__ import annotations

import json
from typing import Any

import pytest
from store_harness import AT, Facade

from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.stores import Memory, MemoryAnnotation


@pytest.fixture(autouse=True)
def memory(stores: Facade) -> Memory:
    found: Memory = stores.memories.create(content={"drink": "tea", "cups": 2}, id="m", importance=0.8)
    return found


def test_an_annotation_is_read_as_it_was_given_and_changes_nothing(stores: Facade, memory: Memory) -> None:
    annotation = stores.memory_annotations.create(
        "m", kind="correction", content={"drink": "cocoa"}, created_by="user-1", id="n", created_at=AT
    )
    assert isinstance(annotation, MemoryAnnotation)
    assert (annotation.memory_id, annotation.kind, annotation.content) == ("m", "correction", {"drink": "cocoa"})
    assert (annotation.created_by, annotation.id, annotation.created_at) == ("user-1", "n", AT)
    assert (annotation.is_applied, annotation.applied_at) == (False, None)
    assert stores.memory_annotations.get("n") == stores.memory_annotations.require("n") == annotation
    assert json.loads(json.dumps(annotation.to_dict())) == annotation.to_dict()
    assert stores.memories.require("m") == memory
    with pytest.raises(AlreadyExistsError):
        stores.memory_annotations.create("m", kind="verification", id="n")


@pytest.mark.parametrize(
    ("kind", "content", "wanted", "text"),
    [
        ("correction", {"drink": "cocoa"}, {"drink": "cocoa"}, "drink: cocoa"),
        ("correction", "likes cocoa", "likes cocoa", "likes cocoa"),
        ("correction", 0, 0, "0"),
        (
            "enhancement",
            {"cups": 3, "milk": True},
            {"drink": "tea", "cups": 3, "milk": True},
            "drink: tea\ncups: 3\nmilk: true",
        ),
    ],
)
def test_a_correction_replaces_the_content_and_an_enhancement_adds_to_it(
    stores: Facade, memory: Memory, kind: str, content: Any, wanted: Any, text: str
) -> None:
    stores.memories.set_embedding("m", [1.0, 2.0], "model")
    annotation = stores.memory_annotations.create("m", kind=kind, content=content)
    changed = stores.memory_annotations.apply(annotation.id)
    assert changed == stores.memories.require("m")
    assert (changed.content, changed.text, changed.importance) == (wanted, text, 0.8)
    assert changed.verification_status == "unverified"
    applied = stores.memory_annotations.require(annotation.id)
    assert applied.is_applied is True
    assert applied.applied_at is not None
    assert [hit.memory.id for hit in stores.memories.recall(text.split()[-1])] == ["m"]
    assert stores.memory_embeddings.get("m", "model") is None


@pytest.mark.parametrize(
    ("content", "addition", "wanted"), [("tea", "with milk", "tea\nwith milk"), ([1], [2, None], [1, 2, None])]
)
def test_texts_and_lists_are_added_to_each_other(stores: Facade, content: Any, addition: Any, wanted: Any) -> None:
    stores.memories.update("m", content=content)
    annotation = stores.memory_annotations.create("m", kind="enhancement", content=addition)
    assert stores.memory_annotations.apply(annotation.id).content == wanted


def test_an_enhancement_of_another_type_is_refused_and_nothing_is_applied(stores: Facade, memory: Memory) -> None:
    annotation = stores.memory_annotations.create("m", kind="enhancement", content="with milk")
    with pytest.raises(FieldError, match="is a str, that of the memory a dict"):
        stores.memory_annotations.apply(annotation.id)
    assert stores.memory_annotations.require(annotation.id) == annotation
    assert stores.memories.require("m") == memory


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (None, "verified"),
        ({"verification_status": "disputed", "why": "x"}, "disputed"),
        ({"verification_status": "unverified"}, "unverified"),
    ],
)
def test_a_verification_sets_the_status_alone(stores: Facade, memory: Memory, content: Any, status: str) -> None:
    stores.memories.set_embedding("m", [1.0, 2.0], "model")
    annotation = stores.memory_annotations.create("m", kind="verification", content=content)
    changed = stores.memory_annotations.apply(annotation.id)
    assert (changed.verification_status, changed.content, changed.text) == (status, memory.content, memory.text)
    assert stores.memory_embeddings.get("m", "model") is not None


@pytest.mark.parametrize("kind", ["correction", "enhancement", "verification"])
def test_applying_twice_is_refused(stores: Facade, kind: str) -> None:
    content = {"verification_status": "disputed"}
    annotation = stores.memory_annotations.create("m", kind=kind, content=content)
    changed = stores.memory_annotations.apply(annotation.id)
    with pytest.raises(IntegrityError, match="is applied already") as raised:
        stores.memory_annotations.apply(annotation.id)
    assert raised.value.code == "already_applied"
    assert stores.memories.require("m") == changed


def test_annotations_are_listed_the_newest_first(stores: Facade) -> None:
    stores.memories.create(content=1, id="other")
    made = [
        stores.memory_annotations.create(memory, kind=kind, content={"verification_status": "verified"})
        for memory, kind in (("m", "correction"), ("other", "verification"), ("m", "verification"))
    ]
    stores.memory_annotations.apply(made[0].id)
    listed = lambda *args, **asked: {each.id for each in stores.memory_annotations.list(*args, **asked).items}  # noqa: E731
    assert listed() == {each.id for each in made}
    assert listed("m") == {made[0].id, made[2].id}
    assert listed("m", kind="verification") == {made[2].id}
    assert listed(is_applied=True) == {made[0].id}
    assert listed("m", is_applied=False) == {made[2].id}
    page = stores.memory_annotations.list("m", limit=1)
    rest = stores.memory_annotations.list("m", limit=1, cursor=page.next_cursor)
    assert {page.items[0].id, rest.items[0].id} == {made[0].id, made[2].id}
    assert stores.memory_annotations.delete(made[0].id) is True
    assert stores.memory_annotations.delete(made[0].id) is False
    assert stores.memories.require("m").content == {"verification_status": "verified"}
    with pytest.raises(NotFoundError):
        stores.memory_annotations.require(made[0].id)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"kind": "opinion", "content": 1}, "not_one_of"),
        ({"kind": None}, "missing_value"),
        ({"kind": "correction"}, "missing_value"),
        ({"kind": "enhancement", "content": None}, "missing_value"),
        ({"kind": "correction", "content": {1}}, "not_json"),
        ({"kind": "correction", "content": float("nan")}, "not_json"),
        ({"kind": "verification", "content": "yes"}, "wrong_type"),
        ({"kind": "verification", "content": {}}, "wrong_type"),
        ({"kind": "verification", "content": {"verification_status": "maybe"}}, "not_one_of"),
        ({"kind": "verification", "created_by": 5}, "wrong_type"),
        ({"kind": "verification", "id": ""}, "missing_value"),
    ],
    ids=str,
)
def test_what_an_annotation_cannot_be_is_refused(stores: Facade, given: dict[str, Any], code: str) -> None:
    with pytest.raises(FieldError) as raised:
        stores.memory_annotations.create("m", **given)
    assert raised.value.code == code
    assert stores.memory_annotations.list().items == []
