"""A corpus in many languages, in every shape in which a framework stores what was said: found, or documented as not.

docs/how-to/search.md says the same to people.
"""

# ruff: noqa: RUF001

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from payloads.recordings import RecordedPayload, payloads

from agentdb import AgentDB

#: For each language a sentence, words that find it, and words that do not: a limit that the docs tell.
LANGUAGES: dict[str, tuple[str, list[str], list[str]]] = {
    "English": ("I don’t re\u00adcollect the state‑of‑the‑art naïve plan", ["don't", "don’t", "recollect", "state-of-the-art", "NAIVE", "naïve p"], ["recall", "plans"]),
    "German": ("Die Straße nach München führt über Größenwahn", ["strasse", "STRASSE", "straße", "munchen", "München", "grossenwahn", "über", "wahn"], ["muenchen"]),
    "French": ("L’été, à l’hôtel, le cœur et la façade", ["l'été", "ete", "hotel", "coeur", "cœur", "facade", "à l'h", "à"], []),
    "Polish": ("Zażółć gęślą jaźń w Łodzi, później", ["zazolc", "ZAŻÓŁĆ", "gesla", "lodzi", "pozniej"], []),
    "Danish": ("Rødgrød på Ærø", ["rodgrod", "RØDGRØD", "rødgrød", "aero", "ærø", "på"], ["roedgroed"]),
    "Turkish": ("Isparta'da ışık, İstanbul’da kış", ["ısparta", "isparta", "ISIK", "isik", "istanbul'da", "İSTANBUL", "kis", "kı"], []),
    "Vietnamese": ("Đà Nẵng là thành phố đáng sống", ["da nang", "Đà Nẵng", "thanh pho", "PHỐ", "đáng", "dang"], []),
    "Russian": ("Ёжик вёз йогурт в Тольятти", ["ежик", "ЁЖИК", "вез", "йогурт", "и\u0306огурт", "тольятти"], ["иогурт"]),
    "Greek": ("Ο Οδυσσέας γύρισε στην Ιθάκη, ΟΔΟΣ", ["οδυσσεας", "ΟΔΥΣΣΈΑΣ", "ιθακη", "οδος", "οδοσ", "γυ"], []),
    "Arabic": ("ذهبت إلى المـدرسـة في القاهِرة", ["المدرسه", "المدرسة", "الى", "إلى", "القاهره", "القاهرة", "درس", "في"], []),
    "Persian": ("می\u200cخواهم کتاب یاد بگیرم", ["میخواهم", "می\u200cخواهم", "کتاب", "كتاب", "ياد", "می خواهم"], []),
    "Hebrew": ("שָׁלוֹם עולם, ספר", ["שלום", "שָׁלוֹם", "עולם", "ספ"], []),
    "Chinese": ("今天我们用Ｐｙｔｈｏｎ写数据库，很快", ["今天", "我们", "python", "Python写", "用ｐｙ", "数据库", "据库", "很快", "数", "库，很"], ["數據庫"]),
    "Japanese": ("ﾊﾟｿｺﾝで日本語の文章を検索する。ガギグ", ["パソコン", "ﾊﾟｿｺﾝ", "検索", "の文章を", "ガギ", "語"], ["ぱそこん", "カキ"]),
    "Korean": ("한국어 문장을 검색한다", ["검색", "한국어", "문장", "한국", unicodedata.normalize("NFD", "검색"), "어"], ["한국 말"]),
    "Thai": ("ฉันอยากเรียนภาษาไทยที่นี่", ["ภาษา", "ไทย", "ที่นี่", "เรียน", "ฉัน"], ["ทีนี"]),
    "Hindi": ("मैं हिन्दी में शक्ति खोजता हूँ", ["हिन्दी", "शक्ति", "खोज", "मैं"], ["शकति"]),
    "numbers and signs": ("The bill №4711 for C# costs 19.99 €, ½ paid ①", ["4711", "c#", "C#", "19.99", "€", "no4711", "№4711", "1"], ["1999"]),
}  # fmt: skip

LONG_ID = "toolu_01A09q90qw90lq917835lq9"


def _call(text: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": LONG_ID,
        "call_id": LONG_ID,
        "name": "look",
        "arguments": json.dumps({"q": text}),
    }


#: Each family of payloads, as what append() takes beside the role.
FAMILIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "content": lambda text: {"content": text},
    "content of raw letters": lambda text: {"content": unicodedata.normalize("NFD", text)},
    "Chat Completions": lambda text: {"payload": {"role": "user", "content": [{"type": "text", "text": text}]}},
    "Chat Completions, call": lambda text: {
        "tool_calls": [{"id": LONG_ID, "type": "function", "function": {"name": "f", "arguments": json.dumps({"q": text})}}]
    },
    "Responses, output": lambda text: {
        "payload": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}
    },
    "Responses, refusal": lambda text: {"payload": {"role": "assistant", "content": [{"type": "refusal", "refusal": text}]}},
    "Responses, call": lambda text: {"payload": _call(text)},
    "Responses, output of a call": lambda text: {
        "payload": {"type": "function_call_output", "call_id": LONG_ID, "output": json.dumps({"found": [text]})}
    },
    "Responses, reasoning": lambda text: {
        "payload": {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}], "encrypted_content": "gAAAA"}
    },
    "Responses, shell": lambda text: {
        "payload": {"type": "shell_call_output", "call_id": LONG_ID, "output": [{"stdout": text, "stderr": "", "outcome": {}}]}
    },
    "Responses, web search": lambda text: {
        "payload": {"type": "web_search_call", "id": LONG_ID, "action": {"type": "search", "query": text, "sources": []}}
    },
    "Anthropic, text": lambda text: {"payload": [{"type": "text", "text": text}]},
    "Anthropic, thinking": lambda text: {"payload": [{"type": "thinking", "thinking": text, "signature": "EqQBCg"}]},
    "Anthropic, use": lambda text: {"payload": [{"type": "tool_use", "id": LONG_ID, "name": "look", "input": {"q": [text]}}]},
    "Anthropic, result": lambda text: {
        "payload": [{"type": "tool_result", "tool_use_id": LONG_ID, "content": [{"type": "text", "text": text}]}]
    },
    "Anthropic, web results": lambda text: {
        "payload": [
            {
                "type": "web_search_tool_result",
                "tool_use_id": LONG_ID,
                "content": [{"type": "web_search_result", "title": text, "url": "https://x.org", "encrypted_content": "EqQB"}],
            }
        ]
    },
    "Gemini, parts": lambda text: {"payload": {"role": "model", "parts": [{"text": text, "thoughtSignature": "c2ln"}]}},
    "Gemini, call": lambda text: {"payload": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"q": text}}}]}},
    "Gemini, code": lambda text: {
        "payload": {"parts": [{"executableCode": {"code": f"print({text!r})"}}, {"codeExecutionResult": {"output": text}}]}
    },
    "Bedrock": lambda text: {"payload": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"found": text}}]}}]},
    "LangChain": lambda text: {"payload": {"type": "ai", "data": {"content": text, "response_metadata": {}, "id": LONG_ID}}},
    "pydantic-ai": lambda text: {
        "payload": {"kind": "request", "parts": [{"part_kind": "tool-return", "tool_name": "f", "content": {"a": text}}]}
    },
    "AI SDK": lambda text: {
        "payload": {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "1", "output": {"type": "text", "value": text}}]}
    },
    "AutoGen": lambda text: {"payload": {"type": "TextMessage", "source": "writer", "content": text, "models_usage": None}},
    "no known shape": lambda text: {"payload": {"x": [{"y": {"z": text}}]}},
    "JSON in JSON in JSON": lambda text: {"payload": {"output": json.dumps([{"type": "text", "text": json.dumps({"t": text})}])}},
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentDB]:
    path = Path(tmp_path_factory.mktemp("corpus")) / "agents.db"
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        with db.transaction() as tx:
            tx.sessions.create(main_agent_id="a", id="s")
            for language, (sentence, _, _) in LANGUAGES.items():
                for family, said in FAMILIES.items():
                    tx.messages.append("s", role="user", metadata={"said": [language, family]}, **said(sentence))
        yield db


#: Recorded payloads of the SDKs, with what a person remembers of each, and what nobody looks for.
RECORDED = payloads()


@pytest.mark.parametrize("recorded", RECORDED, ids=[f"{each.family}: {each.name}" for each in RECORDED])
def test_what_a_recorded_payload_says_is_found_and_nothing_else_of_it(
    corpus: AgentDB, recorded: RecordedPayload
) -> None:
    payload = recorded.payload if isinstance(recorded.payload, (dict, list)) else [recorded.payload]
    with corpus.transaction() as tx:
        added = tx.messages.append("s", role=recorded.role, payload=payload)
        for words in recorded.found:
            assert added.id in [hit.message.id for hit in tx.messages.search(words, limit=1000)], words
        for words in recorded.silent:
            if len(words) >= 16:
                assert added.id not in [hit.message.id for hit in tx.messages.search(words, limit=1000)], words


WORDS = [(language, word) for language, (_, words, _) in LANGUAGES.items() for word in words]


@pytest.mark.parametrize(("language", "word"), WORDS)
def test_a_word_finds_its_sentence_in_every_shape(corpus: AgentDB, language: str, word: str) -> None:
    hits = corpus.messages.search(word, limit=1000, marks=("[", "]"))
    found = {tuple(hit.message.metadata["said"]): hit.snippet for hit in hits if hit.message.metadata}
    assert {family for name, family in found if name == language} == set(FAMILIES)
    assert [said for said, snippet in found.items() if said[0] == language and "[" not in snippet] == []


@pytest.mark.parametrize(
    ("language", "word"), [(language, word) for language, (_, _, words) in LANGUAGES.items() for word in words]
)
def test_what_the_docs_say_is_not_found_is_not(corpus: AgentDB, language: str, word: str) -> None:
    hits = corpus.messages.search(word, limit=1000)
    assert [hit.message.metadata for hit in hits if hit.message.metadata["said"][0] == language] == []
