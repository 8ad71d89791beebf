"""The benchmarks run and fill their tables. What they time is never asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import migrations
from benchmarks.plan import plan
from benchmarks.rounds import Sampler, Worker, environment, interleave
from benchmarks.table import Figure, Limit, compare, markdown, median_ratio
from benchmarks.trial import check

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, *options: str) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", "--quick", *options]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True).stdout


def test_what_an_upgrade_costs_has_a_row_for_guard_rebuild_and_backup() -> None:
    lines = run("upgrades").splitlines()
    assert [line.strip("| ").partition(", 8 MB")[0] for line in lines if " MB " in line] == [
        "an update of one row",
        "an update of a tenth of the rows",
        "a rebuild of the large table",
        "a backup, beside a copy of the file",
        "a backup, beside the backup API alone",
    ]


class TestMigrations:
    @pytest.fixture(scope="class")
    @staticmethod
    def output() -> str:
        return run("migrations", "--sizes", "3", "--only", "floor", "agentdb", "--upgrade", "2")

    def test_the_table_has_a_row_for_each_case_and_a_column_for_each_contender(self, output: str) -> None:
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in output.splitlines() if "|" in line]
        assert lines[0] == ["migrations", "floor", "agentdb"]
        assert [line[0] for line in lines[2:]] == [
            "3 fresh",
            "3 nothing pending",
            "whole process, 100 nothing pending",
            "whole process, built-in nothing pending",
            "an update of one row, 2 MB",
            "an update of a tenth of the rows, 2 MB",
            "a rebuild of the large table, 2 MB",
            "a backup, beside a copy of the file, 2 MB",
            "a backup, beside the backup API alone, 2 MB",
        ]
        assert all(cell for line in lines for cell in line)

    def test_limits_stand_beside_the_ratios(self, output: str) -> None:
        starts = [line for line in output.splitlines() if "whole process" in line]
        assert len(starts) == 2
        assert all("x (limit 2.5x m" in line.replace("MISSED", "missed") for line in starts)

    def test_machine_and_versions_are_named(self, output: str) -> None:
        assert output.splitlines()[-1].count(f"Python {sys.version_info.major}.{sys.version_info.minor}") == 1
        assert "SQLite 3." in output.splitlines()[-1]

    def test_json_has_every_figure_with_its_limit(self) -> None:
        report = json.loads(run("migrations", "--sizes", "--only", "agentdb", "--upgrade", "0", "--json"))
        ours = [figure for figure in report["figures"] if figure["contender"] == "agentdb"]
        assert [figure["limit"]["at_most"] for figure in ours] == [2.5, 2.5]
        assert not [figure for figure in report["figures"] if " MB" in figure["case"]]
        assert all(figure["nanoseconds"] > 0 and figure["ratio"] > 0 for figure in ours)


class TestClients:
    def test_the_table_has_a_row_for_each_contender(self) -> None:
        report = json.loads(run("clients", "--only", "agentdb", "agentdb async", "--json"))
        rows = [(figure["case"], figure["contender"]) for figure in report["figures"]]
        contenders = ("raw sqlite3", "agentdb", "hop + agentdb", "agentdb async")
        cases = ("point SELECT", "single INSERT")
        assert sorted(rows) == sorted((case, contender) for case in cases for contender in contenders)
        limits = {
            (figure["case"], figure["contender"], figure["against"]): figure["limit"]["at_most"]
            for figure in report["figures"]
            if figure["limit"]
        }
        assert limits == {
            ("point SELECT", "agentdb", "raw sqlite3"): 2.0,
            ("point SELECT", "agentdb async", "hop + agentdb"): 1.5,
            ("single INSERT", "agentdb", "raw sqlite3"): 1.5,
            ("single INSERT", "agentdb async", "raw sqlite3"): 5.0,
        }


class TestConversations:
    def test_every_limit_that_was_promised_stands_beside_its_ratio(self) -> None:
        report = json.loads(run("conversations", "--only", "agentdb", "--json"))
        limits = {figure["case"]: figure["limit"]["at_most"] for figure in report["figures"] if figure["limit"]}
        assert limits["append a message"] == 1.5
        assert limits["all of 1,000"] == 1.7
        assert limits["last 50 of 1,000"] == limits["last 50 of 20,000"] == 2.0
        assert limits["last 50, 20,000 against 1,000"] == limits["page of 20,000, at the end"] == 1.3
        assert {figure["contender"] for figure in report["figures"]} == {"raw sqlite3", "agentdb"}


class TestWhoIsThere:
    def test_a_contender_that_is_not_installed_says_so(self) -> None:
        figures = migrations.measure(["floor", "nobody"], [3], quick=True)
        notes = {figure.case: figure.note for figure in figures if figure.contender == "nobody"}
        assert set(notes.values()) == {"not installed"}
        assert "3 fresh" in notes

    def test_a_contender_that_applies_too_little_is_an_error(self, tmp_path: Path) -> None:
        database = tmp_path / "half.db"
        with Worker("benchmarks.trial:MigrationTrial", str(tmp_path), "benchmarks.peers.floor") as worker:
            worker.ask("prepare", "half", plan(3))
        check(database, plan(3))
        with pytest.raises(RuntimeError, match="4 migrations left"):
            check(database, plan(4))

    def test_an_error_of_a_contender_is_an_error_of_the_benchmark(self, tmp_path: Path) -> None:
        with (
            Worker("benchmarks.trial:MigrationTrial", str(tmp_path), "benchmarks.peers.floor") as worker,
            pytest.raises(RuntimeError, match="KeyError: 'never prepared'"),
        ):
            worker.ask("fresh", "never prepared")


class TestArithmetic:
    def test_the_ratio_is_that_of_samples_taken_in_the_same_round(self) -> None:
        slowing_machine = {0: 10, 1: 20, 2: 40}
        assert median_ratio({0: 30, 1: 60, 2: 120}, slowing_machine) == 3.0
        assert median_ratio({2: 120}, slowing_machine) == 3.0

    @settings(deadline=None)
    @given(often=st.integers(1, 60), data=st.data())
    def test_contenders_with_fewer_rounds_are_spread_evenly_over_all(self, often: int, data: st.DataObject) -> None:
        seldom = data.draw(st.integers(1, often))
        counter = count()
        samples = interleave(Sampler(str(rounds), lambda: next(counter), rounds) for rounds in {often, seldom})
        assert list(samples[str(often)]) == list(range(often))
        taken = list(samples[str(seldom)])
        assert len(taken) == seldom
        gaps = [later - earlier for earlier, later in pairwise([*taken, often])]
        assert max(gaps) - min(gaps) <= 1
        assert sorted(number for values in samples.values() for number in values.values()) == list(range(next(counter)))

    def test_growth_is_the_ratio_at_1000_over_the_ratio_at_100(self) -> None:
        figures = [
            Figure("100 fresh", "agentdb", ratio=1.2),
            Figure("1000 fresh", "agentdb", ratio=1.5),
            Figure("1000 nothing pending", "agentdb", ratio=9.0),
        ]
        (grown,) = migrations.growth(figures)
        assert (grown.case, grown.ratio, grown.limit) == ("growth, fresh", pytest.approx(1.25), Limit(1.15))

    @pytest.mark.parametrize(
        ("ratio", "verdict"),
        [
            (1.9, "limit 2.5x met, aim 2x met"),
            (2.5, "limit 2.5x met, aim 2x MISSED"),
            (2.6, "limit 2.5x MISSED, aim 2x MISSED"),
        ],
    )
    def test_a_limit_is_met_or_missed(self, ratio: float, verdict: str) -> None:
        assert Limit(2.5, aim=2.0).verdict(ratio) == verdict

    def test_the_table_reads_as_markdown(self) -> None:
        samples = {"floor": {0: 1_000_000, 1: 2_000_000, 2: 3_000_000}, "ours": {1: 3_000_000}}
        figures = [
            *compare("10 fresh", samples, "floor", {"ours": Limit(1.2)}),
            Figure("10 fresh", "theirs", note="not installed"),
            Figure("growth", "ours", ratio=1.0, against="floor"),
        ]
        assert markdown(figures, "migrations", "floor").splitlines() == [
            "| migrations | floor | ours                           | theirs        |",
            "| ---------- | ----- | ------------------------------ | ------------- |",
            "| 10 fresh   | 2 ms  | 3 ms 1.50x (limit 1.2x MISSED) | not installed |",
            "| growth     |       | 1.00x                          |               |",
        ]


def test_the_rest_of_an_agents_state_has_every_figure_that_was_promised() -> None:
    figures = json.loads(run("agent_state", "--only", "events", "peers", "audit", "--json"))["figures"]
    limits = {figure["case"]: figure["limit"]["at_most"] for figure in figures if figure["limit"]}
    assert limits == {"append an event": 1.5, "upsert of an unchanged state of 10 KB": 1.5}
    peers = {figure["contender"]: figure["note"] for figure in figures if figure["case"].startswith("recall ten")}
    assert list(peers) == ["agentdb", "langgraph store", "mem0"]
    assert peers["agentdb"] is None
    # In a place without a peer its reason is in its cell.
    assert all(note is None or note.startswith("left out: ") for note in peers.values())
    audited = [figure for figure in figures if figure["contender"] == "audited"]
    assert [figure["case"].partition(" ")[0] for figure in audited] == ["messages.append", "append", "INSERT", "UPDATE"]
    assert all(figure["ratio"] > 0 and figure["against"] == "off" for figure in audited)


def test_what_the_tools_cost_has_a_figure_for_each() -> None:
    figures = json.loads(run("tools", "--json"))["figures"]
    named = {figure["tool"] for figure in figures}
    assert named >= {"check", "lint", "doctor", "rehearse", "copy and migrate", "migrate --all"}
    assert all(figure["seconds"] > 0 for figure in figures)
