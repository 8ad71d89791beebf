"""In which order memories are recalled: the formula, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, TypeAlias

from agentdb.errors import FieldError
from agentdb.stores.entity import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCandidate(Values):
    """What a formula knows of a memory.

    `text_rank` and `vector_rank` count from 1, and are None where that search did not find the memory. `distance` is the
    cosine distance, from 0 to 2. `age_days` is the time since the memory was created, or was accessed last, in days.
    """

    memory_id: str
    text_rank: int | None
    vector_rank: int | None
    distance: float | None
    importance: float
    confidence: float
    access_count: int
    age_days: float


#: Gives a memory its score. The higher, the earlier it comes.
RecallFormula: TypeAlias = Callable[[RecallCandidate], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallWeights(Values):
    """The formula of recall(), with its weights. It is a callable, so any other function can stand in its place.

    The searches are merged by reciprocal rank fusion. Importance, recency and use raise what they found:

        relevance = text / (k + text_rank) + vector / (k + vector_rank)
        score = relevance * (1 + importance * I + recency * 0.5 ** (age_days / half_life_days) + use * n / (n + 5))

    I is the importance of the memory, and n its access_count. A search that did not find the memory adds nothing. Where there
    was neither a query nor an embedding, relevance is 1.

    Args:
        text: The weight of the search by words.
        vector: The weight of the search by vector.
        k: How little the first ranks differ from those behind them. 60 is the usual value.
        importance: How much an importance of 1 adds.
        recency: How much a memory of this moment adds.
        use: How much a memory adds that is used all the time.
        half_life_days: After so many days without an access, the recency is half of what it was.
    """

    text: float = 1.0
    vector: float = 1.0
    k: float = 60.0
    importance: float = 0.5
    recency: float = 0.3
    use: float = 0.2
    half_life_days: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise FieldError.of(name, value, f"is a number, not {type(value).__name__}", code="wrong_type")
            least = 1e-9 if name == "half_life_days" else 0
            if not least <= value <= 1e9:  # NaN is neither
                code = "too_large" if value > 1e9 else "too_small"
                why = f"is not from {least} to 1e9"
                raise FieldError.of(name, value, why, code=code, remedy="Give a number in that range.")

    def __call__(self, candidate: RecallCandidate) -> float:
        """The score of a memory."""
        relevance = 0.0
        if candidate.text_rank is not None:
            relevance += self.text / (self.k + candidate.text_rank)
        if candidate.vector_rank is not None:
            relevance += self.vector / (self.k + candidate.vector_rank)
        if candidate.text_rank is None and candidate.vector_rank is None:
            relevance = 1.0
        return relevance * (
            1
            + self.importance * candidate.importance
            + self.recency * float(0.5 ** (candidate.age_days / self.half_life_days))
            + self.use * candidate.access_count / (candidate.access_count + 5)
        )


def check_formula(formula: Any) -> None:
    """Raises FieldError for what cannot be called."""
    if not callable(formula):
        why = f"is RecallWeights or a function, not {type(formula).__name__}"
        raise FieldError.of("formula", formula, why, code="wrong_type")


def score_of(formula: RecallFormula, candidate: RecallCandidate) -> float:
    """What a formula gives. Raises FieldError where that is no finite number."""
    score: Any = formula(candidate)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not isfinite(score):
        why = "is what the formula gave; a score is a finite number"
        raise FieldError.of("score", score, why, code="wrong_type", remedy="Correct the formula.")
    return float(score)
