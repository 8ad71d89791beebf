"""What is searched for is found: by the index where it can, by a bounded scan where it cannot."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from store_harness import Facade, agent_fields

from agentdb.errors import FieldError
from agentdb.queries import message_search
from agentdb.stores import NewMessage, SearchHit
from agentdb.stores.folded_words import split
from agentdb.stores.messages import search as searching
from agentdb.stores.text_normalization import fold, place


@pytest.fixture(autouse=True)
def sessions(stores: Facade) -> None:
    for agent in ("agent-1", "agent-2"):
        stores.agents.create(**agent_fields(id=agent))
    for session, agent in (("s", "agent-1"), ("t", "agent-1"), ("u", "agent-2")):
        stores.sessions.create(main_agent_id=agent, id=session)


def say(stores: Facade, *contents: str | None, session_id: str = "s") -> None:
    stores.messages.append_many(session_id, [NewMessage(role="user", content=content) for content in contents])


def found(stores: Facade, text: str, **options: Any) -> list[str | None]:
    return [hit.message.content for hit in stores.messages.search(text, **options)]


#: A message, words that find it, and words that do not.
FINDABLE: list[tuple[str, list[str], list[str]]] = [
    ("a state-of-the-art tool", ["state-of-the-art", "-of-the-", "art tool", "TOOL a"], ["state-of-art"]),
    ('he said "stop it", twice', ['"stop', 'it",', '"stop it"', "STOP"], ["'stop"]),
    ("it's 50% of O'Brien's", ["it's", "50%", "o'brien's", "%"], ["its"]),
    ("AND OR NOT NEAR(a b, 5) * ^x {col}:y", ["AND", "NOT OR", "NEAR(", "* ^x", "{col}:y"], ["NOR"]),
    ("今天我们用Python写数据库", ["用Python写", "python写数", "数据库", "数据", "写", "库 今天"], ["数库", "python库"]),
    ("日本語の文章を検索する", ["検索", "の文章を", "日本語"], ["検文"]),
    ("한국어 문장을 검색한다", ["검색", "문장을", "한국"], ["한장"]),
    ("well done 😀 👩‍👩‍👧 ❤️", ["😀", "👩‍👩‍👧", "❤", "❤️"], ["😃"]),
    ("un café à Malmö, Ångström", ["café", "cafe", "CAFÉ", "cafe\u0301", "malmo", "angstrom", "a malmo"], ["cafo"]),
    ("decomposed cafe\u0301", ["café", "cafe", "cafe\u0301"], ["cafa"]),
    ("die Straße, ﬁn, ①", ["strasse", "STRASSE", "straße", "fin", "1"], ["strase"]),
    ("C:\\temp\\new_file.txt SELECT * FROM x;", ["\\temp\\", "new_file.txt", "x;", "select"], ["newfile"]),
    ("before\0behind the NUL", ["before", "behind", "before behind", "the NUL", "e\0b"], ["beforebehind"]),
]


@pytest.mark.parametrize(("content", "words", "others"), FINDABLE, ids=[content[:12] for content, _, _ in FINDABLE])
def test_each_word_finds_its_message_and_others_do_not(
    stores: Facade, content: str, words: list[str], others: list[str]
) -> None:
    say(stores, "something else", None, "", content, "quite another thing")
    for text in words:
        (hit,) = stores.messages.search(text)
        assert isinstance(hit, SearchHit)
        assert (hit.message.content, hit.message.seq) == (content, 4), text
        assert hit.snippet == content
    for text in others:
        assert found(stores, text) == [], text


def test_a_letter_composed_or_not_finds_both_in_the_index(stores: Facade) -> None:
    composed, apart = (unicodedata.normalize(form, "un café ééa à Malmö") for form in ("NFC", "NFD"))
    say(stores, composed, apart)
    for words in ("café", "Malmö", "café Malmö", "ééa", "éa", "f" + "é"):
        for form in ("NFC", "NFD"):
            assert sorted(found(stores, unicodedata.normalize(form, words))) == sorted([composed, apart]), words
    assert found(stores, "café Malmo\u0308x") == []
    many = " ".join(f"café{number}" for number in range(searching.MAX_WORDS))
    say(stores, many, unicodedata.normalize("NFD", many))
    assert len(found(stores, many)) == 2
    long = "é" * 100
    say(stores, long, unicodedata.normalize("NFD", long))
    assert len(found(stores, long)) == len(found(stores, unicodedata.normalize("NFD", long))) == 2
    assert found(stores, long + "é") == []


def test_all_words_must_be_there_long_and_short_ones(stores: Facade) -> None:
    say(stores, "red apple", "green apple", "red pear", "a red one of those apples")
    assert set(found(stores, "apple red")) == {"red apple", "a red one of those apples"}
    assert found(stores, "of apple") == ["a red one of those apples"]
    assert found(stores, "pear of") == []
    assert found(stores, "apple apple APPLE blue") == []


def test_hits_of_the_index_have_a_rank_best_first_and_those_of_a_scan_the_newest_first(stores: Facade) -> None:
    say(stores, "tide " * 2 + "x" * 200, "tide " * 50, "low tide")
    hits = stores.messages.search("tide")
    ranks = [hit.rank for hit in hits]
    assert len(hits) == 3
    assert ranks == sorted(ranks)
    scanned = stores.messages.search("ti")
    assert [(hit.message.seq, hit.rank) for hit in scanned] == [(3, None), (2, None), (1, None)]
    assert [hit.message.seq for hit in stores.messages.search("ti", session_id="s", limit=2)] == [3, 2]
    assert [hit.message.content for hit in stores.messages.search("tide", limit=1)] == [hits.items[0].message.content]


def test_a_search_stays_in_its_session_or_with_its_agent(stores: Facade) -> None:
    for session in "stu":
        say(stores, f"hello from {session} \U0001f680", session_id=session)
    for text in ("hello", "\U0001f680", "hell\u00f6"):
        assert sorted(found(stores, text)) == [f"hello from {session} \U0001f680" for session in "stu"]
        assert found(stores, text, session_id="t") == ["hello from t \U0001f680"]
        assert found(stores, text, agent_id="agent-2") == ["hello from u \U0001f680"]
        assert len(found(stores, text, agent_id="agent-1")) == 2
        assert found(stores, text, agent_id="agent-2", session_id="s") == []
        assert found(stores, text, session_id="nowhere") == found(stores, text, agent_id="nobody") == []


def test_a_snippet_is_a_piece_about_the_first_word_found(stores: Facade) -> None:
    say(stores, "ж" * 5_000 + " Ünder the Müller bridge " + "ω" * 5_000)
    for text in ("the Müller", "muller", "MÜ"):
        (hit,) = stores.messages.search(text)
        assert "Müller" in hit.snippet
        assert hit.snippet.startswith("…ж")
        assert hit.snippet.endswith("ω…")
        assert len(hit.snippet) < 150
    (hit,) = stores.messages.search("Müller", syntax=True)
    assert "Müller" in hit.snippet
    assert hit.snippet.startswith("…")


def test_syntax_is_taken_as_syntax_only_where_it_is_asked_for(stores: Facade) -> None:
    say(stores, "red apple", "green apple", "red OR green")
    assert set(found(stores, "red OR green", syntax=True)) == {"red apple", "green apple", "red OR green"}
    assert found(stores, "red OR green") == ["red OR green"]
    assert found(stores, '"apple" NOT "green"', syntax=True) == ["red apple"]
    assert found(stores, "ap", syntax=True) == []  # too short for the index, and nothing is scanned
    assert found(stores, "apple", syntax=True, session_id="t") == []


@pytest.mark.parametrize(
    "expression",
    [
        '"',
        "a AND",
        "(((",
        "other: apple",
        "*",
        "*reads",
        "*id",
        "apple\0",
        "",
        " ",
        "NEAR(a b",
        "^",
        "apple )",
        "a" * 70_000 + '"',
    ],
    ids=lambda text: ascii(text)[:12],
)
def test_a_malformed_expression_is_a_field_error(stores: Facade, expression: str) -> None:
    say(stores, "red apple")
    with pytest.raises(FieldError) as refused:
        stores.messages.search(expression, syntax=True)
    assert (refused.value.field, refused.value.code) == ("text", "bad_search")
    assert found(stores, "apple") == ["red apple"]


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"text": ""}, "text", "missing_value"),
        ({"text": " \n\t\u3000"}, "text", "missing_value"),
        ({"text": "\u0301"}, "text", "missing_value"),
        ({"text": None}, "text", "missing_value"),
        ({"text": b"x"}, "text", "wrong_type"),
        ({"text": "a\ud800"}, "text", "not_text"),
        ({"text": " ".join(map(str, range(101)))}, "text", "too_large"),
        ({"limit": 0}, "limit", "too_small"),
        ({"limit": 10_001}, "limit", "too_large"),
        ({"scan": -1}, "scan", "too_small"),
        ({"cursor": 7}, "cursor", "bad_cursor"),
        ({"newest_first": 1}, "newest_first", "wrong_type"),
        ({"marks": "<>"}, "marks", "wrong_type"),
        ({"marks": ("<b>",)}, "marks", "wrong_type"),
        ({"marks": ("<b>", None)}, "marks", "missing_value"),
        ({"marks": ("<b>", "\ud800")}, "marks", "not_text"),
        ({"scan": None}, "scan", "missing_value"),
        ({"syntax": 1}, "syntax", "wrong_type"),
        ({"session_id": ""}, "session_id", "missing_value"),
        ({"agent_id": 5}, "agent_id", "wrong_type"),
        ({"include_deleted": "no"}, "include_deleted", "wrong_type"),
    ],
)
def test_an_argument_that_cannot_be_right_is_named(
    stores: Facade, options: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(FieldError) as refused:
        stores.messages.search(**{"text": "hello", **options})
    assert (refused.value.field, refused.value.code) == (field, code)


def test_a_hundred_words_and_one_very_long_word_are_no_problem(stores: Facade) -> None:
    words = [f"word{number}" for number in range(100)]
    long = "x" * 20_000 + "y"
    say(stores, " ".join(reversed(words)), f"a {long} b")
    assert len(found(stores, " ".join(words))) == 1
    assert found(stores, long) == [f"a {long} b"]
    assert found(stores, long + "y") == []


def test_a_short_word_is_found_however_many_messages_came_after_it(stores: Facade) -> None:
    say(stores, "é é é 數據 Go", *["filling"] * 600, "数 字 g o")
    for text in ("é", "E", "數據", "數", "GO", "g數", "é 數據", "o é"):
        expected = [] if text == "g數" else ["é é é 數據 Go"]
        assert found(stores, text) == found(stores, text, session_id="s") == expected, text
    assert found(stores, "é 數據 go") == ["é é é 數據 Go"]
    assert found(stores, "數據", session_id="t") == found(stores, "數據", agent_id="agent-2") == []
    assert len(found(stores, "fi", limit=500)) == 500


@pytest.mark.parametrize("session_id", [None, "s"])
def test_a_short_word_that_very_many_messages_hold_is_read_from_the_newest(
    stores: Facade, monkeypatch: pytest.MonkeyPatch, session_id: str | None
) -> None:
    monkeypatch.setattr(searching, "_PLACES", 10)
    say(stores, "fi é old", *["filling"] * 600)
    hits = stores.messages.search("fi", session_id=session_id, limit=3)
    assert [hit.message.seq for hit in hits] == [601, 600, 599]
    hits = stores.messages.search("fi", session_id=session_id, limit=3, cursor=hits.next_cursor)
    assert [hit.message.seq for hit in hits] == [598, 597, 596]
    monkeypatch.setattr(searching, "_PLACES", 1_000)  # the list goes on as it began
    hits = stores.messages.search("fi", session_id=session_id, limit=3, cursor=hits.next_cursor)
    assert [hit.message.seq for hit in hits] == [595, 594, 593]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_reads_at_most_so_many_texts_and_the_next_one_goes_on(stores: Facade, newest_first: bool) -> None:
    say(stores, "old é", *["old filling"] * 600)
    pages = []
    cursor = None
    while True:
        page = stores.messages.search("old é", scan=250, cursor=cursor, newest_first=newest_first)
        pages.append([hit.message.content for hit in page])
        assert page.has_more is (page.next_cursor is not None)
        if not page.has_more:
            break
        cursor = page.next_cursor
    assert sorted(pages) == [[], [], ["old é"]]
    assert found(stores, "old é", scan=0) == []
    assert found(stores, "old", scan=0, limit=2) != []


@pytest.mark.parametrize("text", ["tide", "ti", "ebb tide", '"tide"'])
@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_of_hits_together_are_the_whole_list(stores: Facade, text: str, newest_first: bool) -> None:
    say(stores, *["ebb and tide " * (number % 7 + 1) for number in range(23)])
    options = {"newest_first": newest_first, "syntax": text.startswith('"')}
    everything = [hit.message.id for hit in stores.messages.search(text, **options)]
    assert len(everything) == 23
    pages: list[list[int]] = []
    cursor = None
    while cursor is not None or not pages:
        page = stores.messages.search(text, limit=5, cursor=cursor, **options)
        pages.append([hit.message.id for hit in page])
        cursor = page.next_cursor
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
    assert [id for page in pages for id in page] == everything
    if newest_first:
        assert everything == sorted(everything, reverse=True)


def test_a_page_by_time_stays_true_while_messages_are_added_and_removed(stores: Facade) -> None:
    say(stores, *[f"tide {number}" for number in range(10)])
    first = stores.messages.search("tide", limit=4, newest_first=True)
    say(stores, "tide of today")
    stores.messages.delete(first.items[-1].message.id)
    second = stores.messages.search("tide", limit=9, newest_first=True, cursor=first.next_cursor)
    assert [hit.message.content for hit in second] == [f"tide {number}" for number in range(5, -1, -1)]
    for other in ({"text": "tid"}, {"session_id": "s"}, {"newest_first": False}, {"cursor": "x"}):
        with pytest.raises(FieldError) as refused:
            stores.messages.search(**{"text": "tide", "newest_first": True, "cursor": first.next_cursor, **other})
        assert refused.value.code == "bad_cursor"


def test_a_hit_has_the_name_of_its_session_and_marks_in_its_snippet(stores: Facade) -> None:
    stores.sessions.update("s", name="Meeres-Kunde")
    say(stores, "Die Gezeiten: TIDE, tide & Tídé <b>")
    say(stores, "tide", session_id="t")
    hits = {hit.session_name: hit.snippet for hit in stores.messages.search("tide gez", marks=("[", "]"))}
    assert hits == {"Meeres-Kunde": "Die [Gez]eiten: [TIDE], [tide] & [Tídé] <b>"}
    (hit,) = stores.messages.search("tide", session_id="t", marks=("<mark>", "</mark>"), newest_first=True)
    assert (hit.session_name, hit.snippet, hit.rank) == (None, "<mark>tide</mark>", None)
    assert [hit.snippet for hit in stores.messages.search('"TIDE"', session_id="t", syntax=True, marks=("(", ")"))] == [
        "(tide)"
    ]


def test_a_scan_reads_texts_in_portions_of_about_a_megabyte() -> None:
    sizes = dict(enumerate([400_000, 400_000, 400_000, 10, 5_000_000, 10, 10], 1))
    assert list(searching._portions(list(sizes.items()))) == [[1, 2], [3, 4], [5], [6, 7]]
    assert list(searching._portions([])) == []


def test_no_statement_of_a_scan_holds_more_than_a_portion() -> None:
    """Driven by hand: what each statement asks for, and how much text it is given at once."""
    stored = dict.fromkeys(range(1, 21), "x" * 300_000)
    scope = {"session_id": None, "agent_id": None, "include_deleted": 0}
    options = {"limit": 5, "cursor": None, "newest_first": False, "marks": ("", ""), "syntax": False, "scan": 1000}
    steps = searching.search("é", scope, **options)
    held = []
    request = next(steps)
    with pytest.raises(StopIteration) as stop:
        while True:
            args = getattr(request, "args", None)
            if args is None:
                answer = [Answer(("total",), [(searching._PLACES,)])]
            elif request.stmt == message_search.NEWEST:
                before = [id for id in sorted(stored, reverse=True) if id < args["cursor_id"]]
                answer = Answer(("id", "rank"), [(id, None) for id in before][: args["limit"]])
            elif request.stmt == message_search.SIZES:
                ids = json.loads(args["ids"])
                answer = Answer(("id", "characters"), [(id, len(stored[id])) for id in ids])
            else:
                assert request.stmt == message_search.TEXTS
                ids = json.loads(args["ids"])
                held.append(sum(len(stored[id]) for id in ids))
                answer = Answer(("id", "text"), [(id, stored[id].encode()) for id in ids])
            request = steps.send(answer)
    assert stop.value.value.items == []
    assert sum(held) == 20 * 300_000
    assert max(held) <= 1_000_000


class Answer:
    def __init__(self, columns: tuple[str, ...], tuples: list[tuple[Any, ...]]) -> None:
        self.columns = columns
        self.tuples = tuples


def test_what_stands_behind_a_nul_character_is_in_the_index(stores: Facade) -> None:
    say(stores, "tide before", "said\0tide behind", "tide after", "日本 one", "x\0日本", "日本 three")
    assert set(found(stores, "tide", scan=0)) == {"tide before", "said\0tide behind", "tide after"}
    for options in ({}, {"session_id": "s"}):
        assert found(stores, "日本", **options) == ["日本 three", "x\0日本", "日本 one"]


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("cafe", ["a cafe", "my CAFE\u0301", "a café", "x\0café"]),
        ("Café", ["a cafe", "my CAFE\u0301", "a café", "x\0café"]),
        ("strasse", ["STRASSE", "straße"]),
        ("Straße", ["STRASSE", "straße"]),
        ("שלום", ["שלום", "שָׁלוֹם"]),
        ("a cafe", ["a cafe", "a café", "my CAFE\u0301", "x a\0café"]),
    ],
)
def test_other_accents_are_found_by_the_index(stores: Facade, words: str, same: list[str]) -> None:
    texts = [*same, "cof", "something else"]
    say(stores, *texts)
    for options in ({}, {"session_id": "s"}, {"scan": len(texts)}):
        hits = stores.messages.search(words, **options)
        assert sorted(hit.message.content for hit in hits) == sorted(same)
        assert None not in [hit.rank for hit in hits]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=TEXTS, data=st.data())
def test_any_piece_of_any_text_finds_it(stores: Facade, content: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, max(0, len(content) - 1)))
    piece = content[start : start + data.draw(st.integers(1, 12))]
    assume(any(fold(word).strip() for word in split(piece)))
    # A combining mark at the edge belongs to a letter that the piece does not hold.
    assume(
        all(unicodedata.normalize("NFKD", content[i : i + 1])[:1] == content[i : i + 1] for i in range(len(content)))
    )
    assume(not any(unicodedata.combining(c) for c in content))
    message = stores.messages.append("s", role="user", content=content)
    try:
        assert message.id in [hit.message.id for hit in stores.messages.search(piece, limit=1000)]
    finally:
        stores.messages.delete(message.id)


@given(text=TEXTS)
def test_folding_twice_is_folding_once_and_every_place_leads_back(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))
    for position in range(len(folded)):
        at = place(text, position)
        assert 0 <= at < len(text)


def test_marks_that_make_another_letter_are_no_accents() -> None:
    assert fold("が") != fold("か")
    assert fold("é") == fold("E") == "e"
    assert fold("ﾊﾟ") == fold("パ")
    assert fold("शक्ति") != fold("शकति")
