from __future__ import annotations

from pathlib import Path

import pytest

from agentdb import Migration, Migrator, create_client_sync
from agentdb.errors import MigrationError

_OURS = [Migration("3", "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY)", "DROP TABLE notes")]


@pytest.mark.parametrize("column", ["up", "down"])
@pytest.mark.parametrize("recorded", ['["\\ud800"]', '[{"agentdb": "\\ud800"}]'])
def test_recorded_statements_that_are_no_text_are_an_agentdb_error(tmp_path: Path, column: str, recorded: str) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, _OURS).migrate()
        client.execute(f"UPDATE migrations SET {column} = ? WHERE id = '3'", (recorded,))
        stranger = Migrator(client)
        if column == "up":  # what rolls it back is another thing
            assert stranger.rollback(limit=1)[0].migration.id == "3"
        else:
            with pytest.raises(MigrationError) as caught:
                stranger.rollback(limit=1)
            assert caught.value.code == "no_down"
