"""Recalling memories: what finds candidates, and how they are put in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, StatementError
from agentdb.operations import atomically, batch, execute
from agentdb.queries import memories, memory_accesses, memory_embeddings, memory_search
from agentdb.stores.fields import ID, ON_ERROR, SCORE, TEXT, OnError, now_text
from agentdb.stores.memories.ranking import RecallCandidate, RecallFormula, check_formula, score_of
from agentdb.stores.memories.text import expression_of
from agentdb.stores.memories.values import MEMORY, MEMORY_ACCESS, NewMemoryAccess, RecalledMemory
from agentdb.stores.memories.vectors import Nearest, decode_vector, distance_from, encode_vector, wrong_dimensions
from agentdb.stores.pages import check_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentdb.operations import Steps

#: Candidates of each search, for each memory that is asked for; and how many at least.
_CANDIDATES, _LEAST = 4, 50
#: Vectors beyond those, because 32-bit and 64-bit numbers may put the last ones in another order.
_SPARE = 16
_SECONDS_OF_A_DAY = 86_400
_OWNERS = ("user_id", "session_id", "agent_id")
_LAST = "\U0010ffff"


def recall(
    query: str | None,
    embedding: Any,
    *,
    model: str | None,
    filters: Mapping[str, Any],
    limit: int,
    formula: RecallFormula,
    record_access: NewMemoryAccess | None,
    on_error: OnError,
) -> Steps[list[RecalledMemory]]:
    """As MemoryStore.recall(), whose arguments these are."""
    check_limit(limit)
    check_formula(formula)
    ON_ERROR.encode("on_error", on_error)
    if record_access is not None and not isinstance(record_access, NewMemoryAccess):
        why = f"is a NewMemoryAccess, not {type(record_access).__name__}"
        raise FieldError.of("record_access", record_access, why, code="wrong_type")
    access = None if record_access is None else _access_row(record_access)
    vector = None if embedding is None else encode_vector("embedding", embedding)
    if embedding is None and model is not None:
        why = "is given without an embedding"
        raise FieldError.of("model", model, why, code="missing_value", remedy="Give the embedding too.")
    scope = {**filters, "now": now_text()}
    count = max(_CANDIDATES * limit, _LEAST)
    by_text: list[int] = []
    near: list[tuple[int, float]] = []
    if query is not None:
        by_text = yield from _by_text(TEXT.encode("query", query), scope, count)
    if vector is not None:
        chosen = yield from _model(model, vector)
        if chosen is not None:
            near = yield from _nearest(chosen, vector, scope, count)
    numbers = [*by_text, *(number for number, _ in near)]
    if query is None and vector is None:
        numbers = yield from _newest_and_most_important(scope, count)
    scored = yield from _scored(numbers, by_text, near, formula)
    shown = yield from _memories(scored[:limit], on_error)
    if access is not None and shown:
        shown = yield from atomically(_recorded(shown, access, on_error))
    return shown


def recall_filters(
    *,
    agent_id: str | None,
    user_id: str | None,
    session_id: str | None,
    type: str | None,
    min_importance: float,
) -> dict[str, Any]:
    """The filters of recall() as its statements bind them, None for any. Raises FieldError."""
    return {
        **{
            name: None if value is None else ID.encode(name, value)
            for name, value in (
                ("agent_id", agent_id),
                ("user_id", user_id),
                ("session_id", session_id),
                ("type", type),
            )
        },
        "min_importance": SCORE.encode("min_importance", min_importance),
    }


# -- candidates: numbers of memories, the best first


def _by_text(query: str, scope: Mapping[str, Any], count: int) -> Steps[list[int]]:
    expression, short = expression_of(query)
    if expression is not None:
        args = {**scope, "expression": expression, "limit": count}
        rows = (yield from execute(memory_search.MATCH, args)).tuples
        return [number for number, _ in sorted(rows, key=lambda row: (row[1], -row[0]))]
    # The index has sequences of three characters. A shorter word is the beginning of several.
    asked = [
        (memory_search.PLACES, {**scope, "term": word, "last_term": word + _LAST, "limit": count}) for word in short
    ]
    words: dict[int, int] = {}
    for result in (yield from batch(asked)):
        for row in result.tuples:
            words[row[0]] = words.get(row[0], 0) + 1
    return sorted(words, key=lambda number: (-words[number], -number))[:count]


def _newest_and_most_important(scope: Mapping[str, Any], count: int) -> Steps[list[int]]:
    sqls = (memory_search.NEWEST, memory_search.IMPORTANT)
    if _is_owned(scope):
        sqls = (memory_search.NEWEST_OF_OWNER, memory_search.IMPORTANT_OF_OWNER)
    results = yield from batch([(sql, {**scope, "limit": count}) for sql in sqls])
    return [row[0] for result in results for row in result.tuples]


def _is_owned(scope: Mapping[str, Any]) -> bool:
    return any(scope[name] is not None for name in _OWNERS)


def _model(model: str | None, vector: bytes) -> Steps[str | None]:
    """The model whose vectors are compared; None where there are none. Raises FieldError."""
    dimensions = len(vector) // 4
    if model is None:
        found = (yield from execute(memory_embeddings.NEXT_MODEL, {"model": ""})).tuples
        if not found:
            return None
        model, there = found[0]
        if (yield from execute(memory_embeddings.NEXT_MODEL, {"model": model})).tuples:
            why = "is required, because there are vectors of several models"
            raise FieldError.of("model", None, why, code="missing_value", remedy="Name the model of the embedding.")
    else:
        found = (yield from execute(memory_embeddings.DIMENSIONS, {"model": ID.encode("model", model)})).tuples
        if not found:
            return None
        there = found[0][0]
    if there != dimensions:
        raise wrong_dimensions("embedding", dimensions, str(model), there)
    return model


def _nearest(model: str, vector: bytes, scope: Mapping[str, Any], count: int) -> Steps[list[tuple[int, float]]]:
    """The memories with the nearest vectors, each with its distance."""
    args = {**scope, "model": model, "vector": vector, "limit": count + _SPARE}
    try:
        rows = yield from _nearest_by_sql(args)
    except StatementError as error:
        if not error.message.startswith("no such function: vec_"):
            raise
        rows = yield from _nearest_by_scan(args)
    # Compared once more in 64 bits: whatever found them, the order is the same.
    distance = distance_from(decode_vector(vector))
    found = [(distance(decode_vector(blob)), -number) for number, blob in rows]
    return [(-number, far) for far, number in sorted(found) if far == far][:count]


def _nearest_by_sql(args: Mapping[str, Any]) -> Steps[Sequence[tuple[int, bytes]]]:
    if _is_owned(args):
        return (yield from execute(memory_embeddings.NEAREST_OF_OWNER, args)).tuples
    rows = (yield from execute(memory_embeddings.NEAREST, {**args, "candidates": 2 * args["limit"]})).tuples
    if len(rows) < args["limit"]:  # the filters have left out too many of the nearest
        rows = (yield from execute(memory_embeddings.NEAREST_AMONG, args)).tuples
    return rows


def _nearest_by_scan(args: Mapping[str, Any]) -> Steps[Sequence[tuple[int, bytes]]]:
    """The same without sqlite-vec: every vector is read, and compared in Python."""
    sql = memory_embeddings.VECTORS_OF_OWNER if _is_owned(args) else memory_embeddings.VECTORS
    nearest = Nearest(args["vector"], args["limit"])
    asked = {**{name: value for name, value in args.items() if name != "vector"}, "limit": nearest.slice}
    last = 0
    while True:
        rows = (yield from execute(sql, {**asked, "cursor_id": last})).tuples
        nearest.add(rows)
        if len(rows) < nearest.slice:
            return nearest.rows()
        last = rows[-1][0]


# -- their order


def _scored(
    numbers: Sequence[int], by_text: Sequence[int], near: Sequence[tuple[int, float]], formula: RecallFormula
) -> Steps[list[tuple[int, float, RecallCandidate]]]:
    """Number, score and what it was made of for each candidate, the best first."""
    if not numbers:
        return []
    signals = (yield from execute(memory_search.SIGNALS, {"numbers": dumps(list(dict.fromkeys(numbers)))})).tuples
    text_ranks = {number: rank for rank, number in enumerate(by_text, 1)}
    vector_ranks = {number: rank for rank, (number, _) in enumerate(near, 1)}
    distances = dict(near)
    now = datetime.now(UTC)
    scored = []
    for number, id, importance, confidence, count, accessed, created in signals:
        age = (now - datetime.fromisoformat(max(created, accessed or ""))).total_seconds() / _SECONDS_OF_A_DAY
        candidate = RecallCandidate(
            memory_id=id,
            text_rank=text_ranks.get(number),
            vector_rank=vector_ranks.get(number),
            distance=distances.get(number),
            importance=importance,
            confidence=confidence,
            access_count=count,
            age_days=max(0.0, age),
        )
        scored.append((number, score_of(formula, candidate), candidate))
    return sorted(scored, key=lambda one: (-one[1], -one[0]))


def _memories(scored: Sequence[tuple[int, float, RecallCandidate]], on_error: OnError) -> Steps[list[RecalledMemory]]:
    """The memories themselves; one that was forgotten meanwhile is left out."""
    if not scored:
        return []
    numbers = {"numbers": dumps([number for number, _, _ in scored])}
    found = yield from MEMORY.many(memories.GET_BY_NUMBERS, numbers, on_error)
    by_id = {memory.id: memory for memory in found}
    return [
        RecalledMemory(
            memory=by_id[candidate.memory_id],
            score=score,
            text_rank=candidate.text_rank,
            vector_rank=candidate.vector_rank,
            distance=candidate.distance,
        )
        for _, score, candidate in scored
        if candidate.memory_id in by_id
    ]


# -- accesses


def _access_row(access: NewMemoryAccess) -> dict[str, Any]:
    """An access to record, without its memory. Raises FieldError."""
    return MEMORY_ACCESS.new({name: getattr(access, name) for name in NewMemoryAccess.__slots__})


def _recorded(
    shown: Sequence[RecalledMemory], access: Mapping[str, Any], on_error: OnError
) -> Steps[list[RecalledMemory]]:
    """Record an access to each memory, and give them as they are then. For an atomic body."""
    found: list[RecalledMemory] = []
    for recalled in shown:
        id = {"id": recalled.memory.id}
        if (yield from MEMORY.one(memories.GET_BY_ID, id, on_error)) is not None:  # else it was forgotten meanwhile
            yield from execute(memory_accesses.RECORD, {**access, "memory_id": id["id"], "accessed_at": now_text()})
            memory = yield from MEMORY.one(memories.GET_BY_ID, id, on_error)
            assert memory is not None
            found.append(replace(recalled, memory=memory))
    return found
