"""mypy and pyright read expectations.py: what callers of agentdb see, and what is refused to them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agentdb

ROOT = Path(agentdb.__file__).parent.parent
EXPECTATIONS = Path(__file__).parent / "expectations.py"
SECONDS = 180


def check(tool: str, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a type checker on the expectations, from a folder without any configuration of its own."""
    pytest.importorskip(tool)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run(
        [sys.executable, "-m", tool, *options, str(EXPECTATIONS)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def expected_lines() -> set[int]:
    lines = EXPECTATIONS.read_text().splitlines()
    return {
        number for number, line in enumerate(lines, 1) if "# expect-error" in line and not line.startswith(("`", '"'))
    }


def compare(found: dict[int, str]) -> None:
    expected = expected_lines()
    assert len(expected) > 50
    wrong = [f"{number}: refused, but should not be: {found[number]}" for number in sorted(set(found) - expected)]
    lines = EXPECTATIONS.read_text().splitlines()
    wrong += [f"{number}: not refused: {lines[number - 1].strip()}" for number in sorted(expected - set(found))]
    assert not wrong, "\n".join(wrong)


def test_mypy_sees_what_is_expected_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = true\n")
    done = check(
        "mypy",
        "--config-file", str(config),
        "--cache-dir", str(tmp_path / "cache"),
        "--python-executable", sys.executable,
        "--no-error-summary", "--hide-error-context", "--no-color-output",
        folder=tmp_path,
    )  # fmt: skip
    found: dict[int, str] = {}
    for line in done.stdout.splitlines():
        parsed = re.match(r"(.+?):(\d+): error: (.*)", line)
        if parsed:
            assert parsed[1].endswith(EXPECTATIONS.name), line
            found.setdefault(int(parsed[2]), parsed[3])
    assert found, done.stdout + done.stderr
    compare(found)


def test_pyright_sees_what_is_expected_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    done = check("pyright", "--outputjson", "--pythonpath", sys.executable, folder=tmp_path)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        pytest.skip(f"pyright does not run here: {(done.stderr or done.stdout).strip()[-300:]}")
    found: dict[int, str] = {}
    for finding in report["generalDiagnostics"]:
        if finding["severity"] == "error":
            assert finding["file"].endswith(EXPECTATIONS.name), finding
            found.setdefault(finding["range"]["start"]["line"] + 1, finding["message"])
    assert report["summary"]["filesAnalyzed"] == 1
    compare(found)
