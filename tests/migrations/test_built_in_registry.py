from __future__ import annotations

from typing import Any

import pytest

from agentdb import migrations
from agentdb.engine.migration import Migration
from agentdb.errors import InvalidArgumentError, NotFoundError
from agentdb.migrations import (
    MIGRATIONS,
    get_migration,
    latest_migration_id,
    migrations_after,
    migrations_up_to,
)

NOT_IDS = [
    1,
    1.0,
    None,
    True,
    b"001",
    "",
    " 001",
    "1.0",
    "-1",
    "+1",
    "one",
    "\u0660\u0660\u0661",
    "\u00b2",
    "1_0",
    "1" * 5000,
    ("001",),
]
UNKNOWN = ["0", "000", "999", "10000", "9" * 20]


def test_the_registry_is_a_tuple_of_migrations_without_a_gap() -> None:
    assert isinstance(MIGRATIONS, tuple)
    assert all(isinstance(migration, Migration) for migration in MIGRATIONS)
    assert [migration.id for migration in MIGRATIONS] == [f"{n:03}" for n in range(1, len(MIGRATIONS) + 1)]
    assert MIGRATIONS[:2] == (get_migration("001"), get_migration("002"))


def test_every_built_in_migration_says_what_it_is_for_and_can_be_rolled_back() -> None:
    for migration in MIGRATIONS:
        assert migration.description
        assert migration.up
        assert migration.down


@pytest.mark.parametrize("id", ["1", "01", "001", "0" * 20 + "1"], ids=len)
def test_ids_are_compared_as_numbers(id: str) -> None:
    assert get_migration(id) is MIGRATIONS[0]
    assert migrations_up_to(id) == MIGRATIONS[:1]
    assert migrations_after(id) == MIGRATIONS[1:]


def test_up_to_and_after_split_the_registry_at_every_id() -> None:
    for n, migration in enumerate(MIGRATIONS, 1):
        assert get_migration(migration.id) is migration
        assert migrations_up_to(migration.id) == MIGRATIONS[:n]
        assert migrations_after(migration.id) == MIGRATIONS[n:]


def test_the_latest_id_is_that_of_the_last_migration() -> None:
    assert latest_migration_id() == MIGRATIONS[-1].id
    assert migrations_after(latest_migration_id()) == ()


@pytest.mark.parametrize("id", UNKNOWN, ids=len)
def test_an_unknown_id_is_not_found_by_get_and_refused_as_a_bound(id: str) -> None:
    with pytest.raises(NotFoundError) as not_found:
        get_migration(id)
    assert "001, 002" in not_found.value.remedy
    for question in (migrations_up_to, migrations_after):
        with pytest.raises(InvalidArgumentError) as refused:
            question(id)
        assert "001, 002" in refused.value.remedy


@pytest.mark.parametrize("id", NOT_IDS, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("question", ["get_migration", "migrations_up_to", "migrations_after"])
def test_what_is_not_a_text_of_digits_is_refused(question: str, id: Any) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        getattr(migrations, question)(id)
    assert refused.value.code == "invalid_id"


def test_descriptions_are_short_plain_words_that_a_user_may_read() -> None:
    assert [migration.description for migration in MIGRATIONS] == [
        "Agents",
        "Sessions and their logs",
        "Messages",
        "Search in messages",
        "Agent contexts and switches",
        "Compaction of messages",
        "Session events",
        "Metrics of sessions and agents",
        "Agent versions",
        "Module states",
        "Memories",
        "Search in memories",
        "Memory vectors",
        "Audit trail",
        "Attachments",
    ]
