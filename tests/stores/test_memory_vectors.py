"""Vectors of memories: what is stored, what is refused, and that every way to search gives the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from array import array
from math import sqrt
from pathlib import Path
from random import Random
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_harness import Facade, opened

import agentdb
from agentdb import AgentDB
from agentdb.errors import FieldError, NotFoundError
from agentdb.stores.memories import vectors
from agentdb.stores.memories.vectors import decode_vector, distance_from, encode_vector


@pytest.fixture(params=["numpy", "python"])
def scan(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How vectors are compared where sqlite-vec is not there."""
    if request.param == "numpy":
        pytest.importorskip("numpy")
    else:
        monkeypatch.setattr(vectors, "_numpy", lambda: None)
    return str(request.param)


@pytest.mark.parametrize(
    "vector",
    [
        [1, 0.5, -2.25],
        (1, 0.5, -2.25),
        array("f", [1, 0.5, -2.25]),
        array("d", [1, 0.5, -2.25]),
        pack("<3f", 1, 0.5, -2.25),
        bytearray(pack("<3f", 1, 0.5, -2.25)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_vector_is_stored_as_32_bit_floats_and_read_as_numbers(stores: Facade, vector: Any) -> None:
    stores.memories.create(content="tea", id="m")
    assert stores.memories.set_embedding("m", vector, "model") is None
    embedding = stores.memory_embeddings.require("m", "model")
    assert (embedding.memory_id, embedding.model, embedding.dimensions) == ("m", "model", 3)
    assert embedding.vector == [1.0, 0.5, -2.25]
    assert stores.rows("SELECT vector FROM memory_embeddings") == [(pack("<3f", 1, 0.5, -2.25),)]
    (hit,) = stores.memories.recall(embedding=vector)
    assert (hit.distance, hit.vector_rank, hit.text_rank) == (0.0, 1, None)


def test_an_array_of_numpy_is_a_vector(stores: Facade) -> None:
    numpy = pytest.importorskip("numpy")
    stores.memories.create(content="tea", id="m")
    for kind in ("float32", "float64", "float16", "int64"):
        stores.memories.set_embedding("m", numpy.array([1, 2], kind), "model")
        assert stores.memory_embeddings.require("m", "model").vector == [1.0, 2.0]
    stores.memories.set_embedding("m", list(numpy.array([1, 2], "float32")), "model")
    with pytest.raises(FieldError):
        stores.memories.set_embedding("m", numpy.array([[1.0, 2.0]]), "model")


@given(
    st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**49), max_value=2.0**49), min_size=1
    )
)
def test_what_is_packed_is_unpacked(numbers: list[float]) -> None:
    if sum(number * number for number in numbers) > 1e-30:
        blob = encode_vector("vector", numbers)
        assert decode_vector(blob) == numbers
        assert len(blob) == 4 * len(numbers)


NO_VECTOR: list[tuple[Any, str]] = [
    ([], "missing_value"),
    (b"", "missing_value"),
    ([1.0] * 65_537, "too_large"),
    (b"12345", "bad_vector"),
    *[([1.0, value, 0.0], "bad_vector") for value in (float("nan"), float("inf"), -float("inf"), 1e39, 10**400, 1e30)],
    (pack("<3f", float("nan"), 1, 1), "bad_vector"),
    (pack("<3f", float("inf"), 1, 1), "bad_vector"),
    ([0.0, 0.0, 0.0], "bad_vector"),
    ([1e-40, 0.0, 0.0], "bad_vector"),
    *[(value, "wrong_type") for value in ("123", {"a": 1}, {1.0}, 5, [[1.0]], [True], ["1"], [None], [1j], [b"1"])],
    (iter([1.0]), "wrong_type"),
]


@pytest.mark.parametrize(("vector", "code"), NO_VECTOR, ids=lambda value: str(value).partition(" at 0x")[0][:30])
def test_what_is_no_vector_is_refused(stores: Facade, vector: Any, code: str) -> None:
    stores.memories.create(content="tea", id="m")
    stores.memories.set_embedding("m", [1.0, 2.0, 3.0], "model")
    for call in (
        lambda: stores.memories.set_embedding("m", vector, "model"),
        lambda: stores.memory_embeddings.set_many({"m": vector}, "other"),
        lambda: stores.memories.recall(embedding=vector),
    ):
        with pytest.raises(FieldError) as raised:
            call()
        assert raised.value.code == code
        assert len(str(raised.value)) < 400
    assert stores.memory_embeddings.require("m", "model").vector == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda db: db.memories.set_embedding("m", None, "model"), "missing_value"),
        *[(lambda db, bad=bad: db.memories.set_embedding("m", [1.0], bad), code) for bad, code in (("", "missing_value"), (5, "wrong_type"), (None, "missing_value"))],
        *[(lambda db, bad=bad: db.memories.set_embedding(bad, [1.0], "model"), code) for bad, code in (("", "missing_value"), (5, "wrong_type"), (["m"], "wrong_type"))],
        (lambda db: db.memory_embeddings.set_many([("m", [1.0])], "model"), "wrong_type"),
        (lambda db: db.memory_embeddings.set_many({5: [1.0]}, "model"), "wrong_type"),
    ],
)  # fmt: skip
def test_a_vector_is_of_a_memory_and_a_model(stores: Facade, call: Any, code: str) -> None:
    stores.memories.create(content="tea", id="m")
    with pytest.raises(FieldError) as raised:
        call(stores)
    assert raised.value.code == code
    assert stores.memory_embeddings.models() == []


def test_a_wrong_number_of_dimensions_is_refused(stores: Facade) -> None:
    for id in ("m", "n"):
        stores.memories.create(content="tea", id=id)
    stores.memories.set_embedding("m", [1.0, 2.0], "small")
    for call, name in (
        (lambda: stores.memories.set_embedding("n", [1.0], "small"), "vector has 1 dimensions"),
        (lambda: stores.memories.set_embedding("m", [1.0, 2.0, 3.0], "small"), "vector has 3 dimensions"),
        (lambda: stores.memory_embeddings.set_many({"m": [3.0, 4.0], "n": [1.0]}, "small"), "vector has 1 dimensions"),
        (lambda: stores.memories.recall(embedding=[1.0]), "embedding has 1 dimensions"),
        (lambda: stores.memories.recall(embedding=[1.0], model="small"), "embedding has 1 dimensions"),
    ):
        with pytest.raises(FieldError, match=f"{name}; the vectors of model 'small' have 2") as raised:
            call()
        assert raised.value.code == "wrong_dimensions"
    assert stores.memory_embeddings.require("m", "small").vector == [1.0, 2.0]
    assert stores.memory_embeddings.get("n", "small") is None
    stores.memories.set_embedding("n", [1.0], "tiny")
    assert [(each.model, each.dimensions, each.total) for each in stores.memory_embeddings.models()] == [
        ("small", 2, 1),
        ("tiny", 1, 1),
    ]
    with pytest.raises(FieldError, match="model is required, because there are vectors of several models"):
        stores.memories.recall(embedding=[1.0])
    assert [hit.memory.id for hit in stores.memories.recall(embedding=[1.0], model="tiny")] == ["n"]
    assert stores.memories.recall(embedding=[1.0], model="unknown") == []
    assert stores.memory_embeddings.delete_model("small") == 1
    stores.memories.set_embedding("m", [1.0, 2.0, 3.0], "small")


def test_vectors_are_replaced_deleted_and_missed(stores: Facade) -> None:
    for id in ("a", "b"):
        stores.memories.create(content=id, id=id)
    assert stores.memories.recall(embedding=[1.0]) == []
    stores.memories.set_embedding("a", [1.0, 2.0], "model")
    stores.memories.set_embedding("a", [3.0, 4.0], "model")
    assert stores.memory_embeddings.get("a", "model").vector == [3.0, 4.0]
    assert [each.id for each in stores.memory_embeddings.missing("model").items] == ["b"]
    stores.memory_embeddings.set_many({"a": [1.0, 0.0], "b": [0.0, 1.0]}, "model")
    assert stores.memory_embeddings.missing("model").items == []
    with pytest.raises(NotFoundError, match="with one of these ids"):
        stores.memory_embeddings.set_many({"a": [5.0, 5.0], "x": [0.0, 1.0]}, "model")
    assert stores.memory_embeddings.get("a", "model").vector == [1.0, 0.0]
    stores.memory_embeddings.set_many({}, "model")
    stores.memories.update("a", text="another text")
    assert [each.id for each in stores.memory_embeddings.missing("model").items] == ["a"]
    assert stores.memory_embeddings.delete("b", "model") is True
    assert stores.memory_embeddings.delete("b", "model") is False
    with pytest.raises(NotFoundError, match="no vector of model 'model' for memory 'b'"):
        stores.memory_embeddings.require("b", "model")


# -- every way to search


@pytest.mark.parametrize("is_async", [False, True])
def test_a_scan_gives_the_nearest_of_many_slices(path: str, scan: str, is_async: bool) -> None:
    random = Random(7)
    made = {str(number): [random.gauss(0, 1) for _ in range(8)] for number in range(5_000 if scan == "numpy" else 700)}
    with AgentDB.open(path) as db, db.transaction() as tx:
        for id in made:
            tx.memories.create(content=id, id=id, user_id=f"u{int(id) % 3}")
        tx.memory_embeddings.set_many(made, "model")
    with opened(path, is_async=is_async) as db:
        vector = [random.gauss(0, 1) for _ in range(8)]
        near = sorted(made, key=lambda id: cosine(vector, made[id]))
        hits = db.memories.recall(embedding=vector, limit=20, formula=lambda candidate: -(candidate.vector_rank or 0))
        assert [hit.memory.id for hit in hits] == near[:20]
        assert [hit.distance for hit in hits] == pytest.approx([cosine(vector, made[id]) for id in near[:20]], abs=1e-6)
        own = [id for id in near if int(id) % 3 == 1]
        hits = db.memories.recall(embedding=vector, limit=20, user_id="u1", formula=lambda each: -(each.distance or 0))
        assert [hit.memory.id for hit in hits] == own[:20]


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return 1 - product / sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def test_what_raw_sql_wrote_and_is_no_direction_is_left_out(path: str, scan: str) -> None:
    with AgentDB.open(path) as db:
        for id, vector in (("nan", pack("<2f", float("nan"), 1)), ("zero", bytes(8)), ("inf", pack("<2f", 1e39 * 0 + float("inf"), 1)), ("good", pack("<2f", 1, 1))):  # fmt: skip
            db.memories.create(content=id, id=id)
            sql = "INSERT INTO memory_embeddings (memory_id, model, dimensions, vector) VALUES (?, 'model', 2, ?)"
            db.client.execute(sql, (id, vector))
        assert [hit.memory.id for hit in db.memories.recall(embedding=[1.0, 0.0])] == ["good"]


@given(st.lists(st.tuples(*[st.floats(-100, 100, width=32)] * 3), min_size=2, max_size=2))
def test_a_distance_is_symmetric_and_from_0_to_2(pair: list[tuple[float, ...]]) -> None:
    one, other = pair
    far = distance_from(one)(other)
    if far == far:
        assert 0 <= far <= 2.000001
        assert far == distance_from(other)(one)
        assert distance_from(one)(one) == 0


SCRIPT = Path(__file__).parent / "vector_search_process.py"


def python_that_loads_extensions() -> str:
    """A Python with a sqlite3 that loads extensions, or skips. Some are built without."""
    pytest.importorskip("sqlite_vec")
    found = [sys.executable, shutil.which("python3", path=os.defpath)]
    for python in filter(None, found):
        code = "import sqlite3, sys; sys.exit(not (hasattr(sqlite3.Connection, 'load_extension') and sys.version_info >= (3, 11)))"
        if subprocess.run([python, "-c", code], check=False).returncode == 0:
            return python
    pytest.skip("no Python of this machine loads extensions")


def search(python: str, path: str, how: str) -> str:
    sqlite_vec = Path(sys.modules["sqlite_vec"].__file__ or "").parent
    places = [str(Path(agentdb.__file__).parent.parent), str(sqlite_vec.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [python, str(SCRIPT), path, how], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("world", ["sync", "async"])
def test_sqlite_vec_gives_what_the_scan_gives(path: str, world: str) -> None:
    python = python_that_loads_extensions()
    random = Random(3)
    with AgentDB.open(path) as db, db.transaction() as tx:
        for number in range(600):
            tx.memories.create(content=f"{number} tea", id=str(number), user_id=f"u{number % 4}")
        # Many are equal, so their order is decided by something else than the distance.
        made = {str(number): [round(random.gauss(0, 1)) + 0.5 for _ in range(4)] for number in range(600)}
        tx.memory_embeddings.set_many(made, "model")
        # Few are left, so not enough of them are among the nearest of all.
        for number in range(600):
            if number % 12 != 1:
                tx.memories.supersede(str(number), content="superseded")
    by_extension = search(python, path, f"{world} extension")
    assert by_extension.startswith("vec_version v0.")
    assert by_extension.splitlines()[1:] == search(python, path, f"{world} scan").splitlines()[1:]
    assert len(by_extension.splitlines()) == 1 + 6
