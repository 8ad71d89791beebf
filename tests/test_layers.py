"""Each layer imports only layers below it, and no modules import each other in a circle."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import agentdb

ROOT = Path(agentdb.__file__).parent
#: From the lowest to the highest; those of one layer may not import each other either.
LAYERS: list[tuple[str, ...]] = [
    ("error_remedies",),
    ("errors", "frozen", "logs", "queries"),
    ("sql",),
    ("clients",),
    ("operations",),
    ("engine",),
    ("stores", "migrations"),
    ("search_index",),
    ("store_set",),
    ("database",),
    ("server", "tools"),
    ("cli", "pytest_plugin"),
    ("__main__",),
]
#: Lines: about 400.
LONGEST = 420


def modules(root: Path) -> dict[str, Path]:
    """The modules of a package by their names; that of a package is its own."""
    found = {}
    for path in root.rglob("*.py"):
        name = ".".join((root.name, *path.relative_to(root).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = path
    return found


def imports(root: Path) -> dict[str, set[str]]:
    """What each module imports of its package: at its top, inside functions, and for type checkers."""
    known = modules(root)
    graph: dict[str, set[str]] = defaultdict(set)
    for name, path in known.items():
        graph[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
                wanted = [f"{node.module}.{alias.name}" for alias in node.names]
                graph[name] |= {one if one in known else node.module for one in wanted} & known.keys()
            elif isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & known.keys()
        graph[name].discard(name)
    return graph


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def layer_of(module: str) -> int:
    part = module.split(".")[1]
    return next(number for number, names in enumerate(LAYERS) if part in names)


def upward(graph: dict[str, set[str]]) -> list[str]:
    """The imports that do not go down, but for those inside one part. The root is the index of names and imports all."""
    return [
        f"{module} imports {other}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if module != "agentdb" and other != "agentdb"
        if module.split(".")[1] != other.split(".")[1] and layer_of(other) >= layer_of(module)
    ]


def test_there_is_no_circle() -> None:
    assert circle({name: others for name, others in imports(ROOT).items() if name != "agentdb"}) is None


def test_no_import_goes_up() -> None:
    assert upward(imports(ROOT)) == []


def test_both_would_be_seen(tmp_path: Path) -> None:
    root = tmp_path / "agentdb"
    for part in ("sql", "clients"):
        (root / part).mkdir(parents=True)
        (root / part / "__init__.py").write_text("")
    (root / "__init__.py").write_text("")
    (root / "sql" / "lexer.py").write_text("def f():\n    from agentdb.clients import base\n")
    (root / "clients" / "base.py").write_text("if TYPE_CHECKING:\n    from agentdb.sql.lexer import split\n")
    graph = imports(root)
    assert circle(graph) is not None
    assert upward(graph) == ["agentdb.sql.lexer imports agentdb.clients.base"]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_one_reason_to_exist(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
