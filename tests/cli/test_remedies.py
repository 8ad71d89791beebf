from __future__ import annotations

import re

from agentdb.cli import remedies
from agentdb.cli.group import agentdb
from agentdb.errors import REMEDIES


def test_every_remedy_of_the_command_line_stands_in_for_one_of_the_library() -> None:
    assert set(remedies._HERE) <= set(REMEDIES)


def test_every_option_and_command_that_a_remedy_names_exists() -> None:
    options = {name for command in agentdb.commands.values() for option in command.params for name in option.opts}
    for text in remedies._HERE.values():
        assert set(re.findall(r"--[a-z-]+", text)) <= options
        assert set(re.findall(r"`agentdb (\w+)`", text)) <= set(agentdb.commands)


def test_a_remedy_that_was_made_for_the_case_is_kept() -> None:
    assert remedies.remedy("busy", "Close the other window.") == "Close the other window."
    assert remedies.remedy("busy", REMEDIES["busy"]) == remedies._HERE["busy"]
    assert remedies.remedy("disk_full") == REMEDIES["disk_full"]
