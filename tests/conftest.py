from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

# A timing is no law: on a busy machine an example takes a hundred times as long.
settings.register_profile("agentdb", deadline=None)
settings.load_profile("agentdb")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longer rounds run when they are asked for: `-m soak`, or AGENTDB_SOAK=1."""
    if "soak" in (config.option.markexpr or "") or os.environ.get("AGENTDB_SOAK") == "1":
        return
    long_rounds = [item for item in items if item.get_closest_marker("soak")]
    if long_rounds:
        config.hook.pytest_deselected(items=long_rounds)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


def pytest_collection_finish() -> None:
    """Sixteen thousand items live until the end: no garbage collection in a test need look at them again."""
    gc.collect()
    gc.freeze()
