"""The texts of the package are plain technical English: short sentences, standard terms, no metaphors.

Checked are the docstrings of agentdb/, the texts that its errors and remedies are made of, the help of the command, and the
sentences of README.md, CHANGELOG.md and docs/.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from agentdb.cli import remedies
from agentdb.errors import REMEDIES

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "agentdb").rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST = 35

#: Archaisms, inversions, metaphors, and words that stand for a term of the glossary (DESIGN section 6).
BANNED = (
    # another word for a term
    "take back",
    "takes back",
    "taken back",
    "took back",
    "taking back",
    # archaisms and inversions
    "borne",
    "can bear",
    "hereby",
    "thereby",
    "therein",
    "whereupon",
    "hence",
    "shall",
    "whilst",
    "wholly",
    "anew",
    "save for",
    "but for",
    "how-manieth",
    "wants full",
    "for rows that are gone",
    "beside it who",
    "meant to go",
    "what is meant to",
    "so it is where",
    "whatever became",
    "without a word",
    "to be had",
    "cannot be had",
    "can be had",
    "nowhere else",
    "comes? to (?:its|their|the) end",
    "came to (?:its|their|the) end",
    # metaphors, riddles and personification
    "one body",
    "two worlds",
    "other world",
    "both worlds",
    "shelf",
    "lane",
    "aside",
    "house",
    "dance",
    "stranger",
    "mend",
    "mends",
    "mended",
    "hangs on",
    "what it was told",
    "heard of",
    "has ever counted",
    "falls asleep",
    "is blind",
)


class Text(NamedTuple):
    where: str
    text: str


def docstrings(path: Path, tree: ast.AST) -> Iterator[Text]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield Text(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text)


def joined(node: ast.expr) -> str | None:
    """The text of a literal, with `X` for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(["X" if isinstance(part, ast.FormattedValue) else str(joined(part)) for part in node.values])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = joined(node.left), joined(node.right)
        return None if left is None or right is None else left + right
    return None


def literals(path: Path, tree: ast.AST) -> Iterator[Text]:
    """Texts with blanks that are arguments of a call, or the values of a dict: those of errors, remedies and help."""
    for node in ast.walk(tree):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            given = [*node.args, *[keyword.value for keyword in node.keywords]]
        elif isinstance(node, ast.Dict):
            given = node.values
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            given = [node.value, *(node.value.elts if isinstance(node.value, ast.Tuple) else ())]
        for value in given:
            for one in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
                text = joined(one)
                if text is not None and len(text.split()) > 3 and not is_code(text):
                    yield Text(f"{path.relative_to(ROOT)}:{one.lineno}", text)


def is_code(text: str) -> bool:
    """SQL, a regular expression, or a skeleton of a file."""
    capitals = re.findall(r"\b[A-Z_]{2,}\b", text)
    return len(capitals) * 4 > len(text.split()) or bool(re.search(r"\(\?[:P=!<]|^\s*(?:SELECT\b|--|\"\"\")", text))


def of_code() -> list[Text]:
    found = [Text(f"remedy of {code}", text) for code, text in (*REMEDIES.items(), *remedies._HERE.items())]
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += docstrings(path, tree)
        if "queries" not in path.parts and "migrations" not in path.parts:
            found += literals(path, tree)
    return found


def of_page(path: Path) -> Iterator[Text]:
    """The paragraphs, list items, headings and table cells of a page. Blocks of code are left out."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    block: list[str] = []
    begun = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        starts = re.match(r"\s*(?:[-*] |\d+\. |#|\||$)", line)
        if starts and block:
            yield Text(f"{path.relative_to(ROOT)}:~{begun}", " ".join(block))
            block = []
        if line.startswith("|"):
            for cell in line.strip("|").split("|"):
                yield Text(f"{path.relative_to(ROOT)}:~{number}", cell)
        elif line.strip():
            begun = number if not block else begun
            block.append(line.strip())


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text. A span of code is one word. A blank line, an item of a list, and the name of an argument with
    its colon end a sentence. Paragraphs behind a backspace character are tables, which click prints as they are."""
    for paragraph in re.split(r"\n\s*\n|\n\s*(?=[-*] )", text):
        if paragraph.lstrip(" ").startswith("\b\n"):
            continue
        plain = re.sub(r"``?[^`]*``?", "CODE", " ".join(paragraph.split()))
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", plain)
        yield from re.split(r"(?<=[.!?])[\"')*]*\s+(?=[A-Z`\"'(*…\d])|(?<=[.!?])\s+(?=[a-z_, ]+: )", plain)


def words(sentence: str) -> int:
    return len(re.findall(r"[\w…][\w'.,()=/:-]*", sentence))


@cache
def texts() -> list[Text]:
    """All of them; read when a test asks, and not by each process that only collects."""
    return [*of_code(), *[text for path in PAGES for text in of_page(path)]]


def test_no_sentence_has_more_words_than_the_limit() -> None:
    long = {
        f"{text.where} ({words(sentence)}): {sentence}"
        for text in texts()
        for sentence in sentences(text.text)
        if words(sentence) > LONGEST
    }
    assert not long, "\n" + "\n".join(sorted(long))


@pytest.mark.parametrize("phrase", BANNED)
def test_no_text_uses(phrase: str) -> None:
    pattern = re.compile(rf"\b{phrase}\b", re.IGNORECASE)
    found = [
        f"{text.where}: …{' '.join(text.text.split())[max(0, at.start() - 60) : at.end() + 40]}…"
        for text in texts()
        for at in pattern.finditer(" ".join(text.text.split()))
    ]
    assert not found, "\n" + "\n".join(found)
