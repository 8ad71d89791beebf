"""Messages of the Anthropic API, from the types of the package `anthropic`."""

from __future__ import annotations

from typing import Any

from anthropic.types.beta import BetaContentBlockParam, BetaMessage, BetaMessageParam

from .recording import SEALED, SIGNATURE, Recording, long_output, picture_text
from .typed_dicts import by_type, check, checker

_REDACTED = "EmwK" + SEALED[8:160]
BLOCKS = by_type(BetaContentBlockParam)


def accepted(message: dict[str, Any]) -> dict[str, Any]:
    """A message that the SDK's types accept, its blocks one by one."""
    content = message["content"]
    for block in content if isinstance(content, list) else []:
        check(BLOCKS, block)
    checker(BetaMessageParam).validate_python(message)
    return message


def user(*blocks: Any) -> dict[str, Any]:
    if len(blocks) == 1 and isinstance(blocks[0], str):
        return accepted({"role": "user", "content": blocks[0]})
    return accepted({"role": "user", "content": [text(each) if isinstance(each, str) else each for each in blocks]})


def assistant(*blocks: Any) -> dict[str, Any]:
    """An answer as the SDK gives it, dumped as its users do to send it back."""
    message = BetaMessage.model_validate(
        {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
            "content": [text(each) if isinstance(each, str) else each for each in blocks],
        }
    )
    content = [block.model_dump(mode="json", exclude_unset=True) for block in message.content]
    return accepted({"role": "assistant", "content": content})


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def thinking(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": SIGNATURE}


def redacted() -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": _REDACTED}


def use(id: str, name: str, **input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def result(id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def image(shade: int) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture_text(shade)}}


def server_use(id: str, name: str, **input: Any) -> dict[str, Any]:
    return {"type": "server_tool_use", "id": id, "name": name, "input": input}


def searched(id: str, *titles: str) -> dict[str, Any]:
    found = [
        {
            "type": "web_search_result",
            "title": title,
            "url": f"https://pages.example/{number}",
            "encrypted_content": SEALED,
            "page_age": "2 days ago",
        }
        for number, title in enumerate(titles)
    ]
    return {"type": "web_search_tool_result", "tool_use_id": id, "content": found}


def executed(id: str, stdout: str, stderr: str = "") -> dict[str, Any]:
    return {
        "type": "code_execution_tool_result",
        "tool_use_id": id,
        "content": {
            "type": "code_execution_result",
            "stdout": stdout,
            "stderr": stderr,
            "return_code": 0,
            "content": [],
        },
    }


def bash(id: str, stdout: str) -> dict[str, Any]:
    return {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": id,
        "content": {
            "type": "bash_code_execution_result",
            "stdout": stdout,
            "stderr": "",
            "return_code": 0,
            "content": [],
        },
    }


def document(title: str, words: str) -> dict[str, Any]:
    source = {"type": "text", "media_type": "text/plain", "data": words}
    return {"type": "document", "title": title, "source": source, "citations": {"enabled": True}}


def citing(words: str, title: str, cited: str) -> dict[str, Any]:
    citation = {
        "type": "char_location",
        "cited_text": cited,
        "document_index": 0,
        "document_title": title,
        "start_char_index": 0,
        "end_char_index": len(cited),
        "file_id": None,
    }
    return text(words, citations=[citation])


def record() -> Recording:
    recording = Recording("anthropic", "anthropic", ("anthropic",))
    add = recording.payload
    add(
        "signed thinking before two calls",
        "reasoning+call",
        "assistant",
        assistant(
            thinking("The skipper asks for two moorings."),
            "I check both moorings.",
            use("toolu_01A", "mooring", place="Lerwick"),
            use("toolu_01B", "mooring", place="Kirkwall"),
        ),
        found=["asks for two moorings", "I check both", "Lerwick", "Kirkwall"],
        silent=["toolu_01A", SIGNATURE[:60], SIGNATURE[80:130]],
    )
    add(
        "thinking that was redacted",
        "reasoning+text",
        "assistant",
        assistant(redacted(), "Lerwick has a free mooring."),
        found=["Lerwick has a free mooring"],
        silent=[_REDACTED[:60], "redacted_thinking"],
    )
    add(
        "results, one with a picture",
        "result+media",
        "user",
        user(
            result("toolu_01A", "mooring 4 is free"),
            result("toolu_01B", [text("the quay from above"), image(31)], is_error=False),
        ),
        found=["mooring 4 is free", "the quay from above"],
        silent=["toolu_01A", picture_text(31)[:60], "base64"],
    )
    add(
        "a failed result",
        "result",
        "user",
        user(result("toolu_01C", "harbour office: connection refused", is_error=True)),
        found=["connection refused"],
        silent=["toolu_01C"],
    )
    add(
        "a search of the server's",
        "call_and_result",
        "assistant",
        assistant(
            server_use("srvtoolu_01", "web_search", query="gale warning Viking"),
            searched("srvtoolu_01", "Shipping forecast for Viking", "Gales in Utsire"),
            text(
                "A gale is on its way.",
                citations=[
                    {
                        "type": "web_search_result_location",
                        "cited_text": "southerly gale 8 expected soon",
                        "encrypted_index": SEALED[:90],
                        "title": "Shipping forecast for Viking",
                        "url": "https://pages.example/0",
                    }
                ],
            ),
        ),
        found=["gale warning Viking", "Shipping forecast for Viking", "Gales in Utsire", "A gale is on its way"],
        silent=["srvtoolu_01", SEALED[:60], "web_search_tool_result"],
    )
    add(
        "code that the server ran",
        "call_and_result",
        "assistant",
        assistant(
            server_use("srvtoolu_02", "code_execution", code="print(max(gusts))"),
            executed("srvtoolu_02", "gust of 61 knots at Fair Isle\n", "warning: sensor drift"),
            "61 knots.",
        ),
        found=["print(max(gusts))", "gust of 61 knots", "sensor drift"],
        silent=["srvtoolu_02"],
    )
    add(
        "a shell that the server ran",
        "call_and_result",
        "assistant",
        assistant(
            server_use("srvtoolu_03", "bash_code_execution", command="cat barometer.log"),
            bash("srvtoolu_03", "968 hPa and falling"),
        ),
        found=["cat barometer.log", "968 hPa and falling"],
        silent=["srvtoolu_03"],
    )
    add(
        "a tool of an MCP server",
        "call_and_result",
        "assistant",
        assistant(
            {
                "type": "mcp_tool_use",
                "id": "mcptoolu_01",
                "name": "ferry",
                "server_name": "timetables",
                "input": {"from": "Aberdeen", "to": "Lerwick"},
            },
            {
                "type": "mcp_tool_result",
                "tool_use_id": "mcptoolu_01",
                "is_error": False,
                "content": [text("sails at 19:00, cabins sold out")],
            },
        ),
        found=["Aberdeen", "cabins sold out"],
        silent=["mcptoolu_01"],
    )
    add(
        "documents",
        "text+media",
        "user",
        user(
            document("Admiralty notes", "The eddy forms off the north head."),
            {
                "type": "document",
                "title": "Chart 1239",
                "source": {"type": "base64", "media_type": "application/pdf", "data": picture_text(32)},
            },
            "Where is the eddy?",
        ),
        found=["Admiralty notes", "off the north head", "Chart 1239", "Where is the eddy"],
        silent=[picture_text(32)[:60]],
    )
    add(
        "an answer that cites a document",
        "text",
        "assistant",
        assistant(citing("Off the north head.", "Admiralty notes", "The eddy forms off the north head.")),
        found=["Off the north head"],
        silent=["char_location"],
    )
    add(
        "a page that the server fetched",
        "call_and_result",
        "assistant",
        assistant(
            server_use("srvtoolu_04", "web_fetch", url="https://almanac.example/moon"),
            {
                "type": "web_fetch_tool_result",
                "tool_use_id": "srvtoolu_04",
                "content": {
                    "type": "web_fetch_result",
                    "url": "https://almanac.example/moon",
                    "retrieved_at": "2026-03-14T09:26:53Z",
                    "content": {
                        "type": "document",
                        "title": "Moon almanac",
                        "citations": None,
                        "source": {"type": "text", "media_type": "text/plain", "data": "perigee on the 19th"},
                    },
                },
            },
        ),
        found=["Moon almanac", "perigee on the 19th"],
        silent=["srvtoolu_04"],
    )
    _conversations(recording)
    return recording


def _conversations(recording: Recording) -> None:
    def add(name: str, *messages: dict[str, Any], **how: Any) -> None:
        recording.conversation(name, [(message["role"], message) for message in messages], **how)

    add(
        "thinking before parallel calls, their results in one message",
        user("Compare the moorings of Lerwick and Kirkwall."),
        assistant(
            thinking("Two calls at once."), use("toolu_1", "m", at="Lerwick"), use("toolu_2", "m", at="Kirkwall")
        ),
        user(result("toolu_2", long_output("Kirkwall")), result("toolu_1", long_output("Lerwick"))),
        assistant("Kirkwall is cheaper."),
        user("And Stromness?"),
        assistant(thinking("One call more."), "I look.", use("toolu_3", "m", at="Stromness")),
        user(result("toolu_3", [text(long_output("Stromness")), image(33)])),
        assistant("Stromness is the cheapest."),
        user("Then book it."),
        assistant("Booked."),
    )
    steps: list[dict[str, Any]] = []
    for n in range(9):
        steps += [
            assistant(thinking(f"Step {n}."), redacted(), use(f"toolu_{n}", "sound", line=n))
            if n % 3 == 1
            else assistant(thinking(f"Step {n}."), use(f"toolu_{n}", "sound", line=n)),
            user(result(f"toolu_{n}", long_output(f"line {n}", 14))),
        ]
    add("one long turn of many steps", user("Sound nine lines."), *steps, assistant("All are sounded."))
    add(
        "searches and code of the server's",
        user("Is a gale coming? Compute the worst gust."),
        assistant(
            thinking("I search first."),
            server_use("srvtoolu_1", "web_search", query="gale"),
            searched("srvtoolu_1", "Forecast", "Gales"),
            "A gale comes.",
        ),
        user("Compute it."),
        assistant(
            thinking("I run code."),
            server_use("srvtoolu_2", "code_execution", code="print(1)"),
            executed("srvtoolu_2", long_output("gust")),
            server_use("srvtoolu_3", "bash_code_execution", command="ls"),
            bash("srvtoolu_3", long_output("file")),
            "61 knots.",
        ),
        user("Tell the crew."),
        assistant("I tell them.", use("toolu_1", "tell", who="crew")),
        user(result("toolu_1", "told"), "And the harbour master."),
        assistant("Done."),
    )
    add(
        "tools of an MCP server, and documents",
        user(document("Timetable", "sails at seven"), "When does it sail?"),
        assistant(citing("At seven.", "Timetable", "sails at seven")),
        user("Are cabins free?"),
        assistant(
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ferry", "server_name": "timetables", "input": {}},
            {
                "type": "mcp_tool_result",
                "tool_use_id": "mcptoolu_1",
                "is_error": False,
                "content": [text(long_output("cabin"))],
            },
            "Two are.",
        ),
        user("Book one."),
        assistant("Booked."),
    )
    add(
        "pictures on both sides",
        user(image(34), "What is this?"),
        assistant("A tide gauge. I zoom in.", use("toolu_1", "zoom", by=2)),
        user(result("toolu_1", [image(35)])),
        assistant("It reads 3.1 m.", use("toolu_2", "zoom", by=4)),
        user(result("toolu_2", [text(long_output("gauge")), image(36)])),
        assistant("3.14 m, to be exact."),
        user(image(37), "And this one?"),
        assistant("2.2 m."),
    )
    add(
        "a failed call, and a result beside a question",
        user("Ring the office."),
        assistant("I ring.", use("toolu_1", "ring", who="office")),
        user(result("toolu_1", long_output("no answer"), is_error=True)),
        assistant("Nobody answers. I ring the night desk.", use("toolu_2", "ring", who="desk")),
        user(result("toolu_2", "they answer"), "Ask for the key, too."),
        assistant("They have it."),
        user("Fetch it."),
        assistant("I fetch it.", use("toolu_3", "fetch", what="key")),
        user(result("toolu_3", long_output("key"))),
        assistant("Here it is."),
    )
