"""Items of the OpenAI Responses API, from the types of the package `openai`."""

from __future__ import annotations

import json
from typing import Any

from openai.types.responses import (
    ResponseApplyPatchToolCall,
    ResponseCodeInterpreterToolCall,
    ResponseComputerToolCall,
    ResponseCustomToolCall,
    ResponseFileSearchToolCall,
    ResponseFunctionShellToolCall,
    ResponseFunctionToolCall,
    ResponseFunctionWebSearch,
    ResponseInputItemParam,
    ResponseOutputMessage,
    ResponseReasoningItem,
)
from openai.types.responses.response_output_item import (
    ImageGenerationCall,
    LocalShellCall,
    McpApprovalRequest,
    McpCall,
    McpListTools,
    Program,
    ProgramOutput,
)
from openai.types.responses.response_tool_search_call import ResponseToolSearchCall
from openai.types.responses.response_tool_search_output_item import ResponseToolSearchOutputItem

from .recording import SEALED, Recording, long_output, picture_text, picture_url
from .typed_dicts import by_type, check

VARIANTS = by_type(ResponseInputItemParam)


def accepted(item: dict[str, Any]) -> dict[str, Any]:
    """An input item that one of the SDK's types for it accepts."""
    return check(VARIANTS, item)


def role_of(item: dict[str, Any]) -> str:
    """The role under which an application files an item."""
    kind = item.get("type", "message")
    if "role" in item:
        return str(item["role"])
    return "tool" if kind.endswith(("_output", "_response")) else "assistant"


def said(text: str, id: str, annotations: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": annotations or []}]
    return ResponseOutputMessage.model_validate(
        {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": content}
    ).to_dict()


def asked(text: str) -> dict[str, Any]:
    return accepted({"role": "user", "content": [{"type": "input_text", "text": text}]})


def thought(id: str, summary: str | None) -> dict[str, Any]:
    parts = [] if summary is None else [{"type": "summary_text", "text": summary}]
    return ResponseReasoningItem.model_validate(
        {"id": id, "type": "reasoning", "summary": parts, "encrypted_content": SEALED}
    ).to_dict()


def called(name: str, call_id: str, **arguments: Any) -> dict[str, Any]:
    return ResponseFunctionToolCall(
        type="function_call",
        id=f"fc_{call_id}",
        call_id=call_id,
        name=name,
        arguments=json.dumps(arguments, ensure_ascii=False),
        status="completed",
    ).to_dict()


def gave(call_id: str, output: Any) -> dict[str, Any]:
    return accepted({"type": "function_call_output", "call_id": call_id, "output": output})


def computer_call(call_id: str, action: dict[str, Any]) -> dict[str, Any]:
    return ResponseComputerToolCall.model_validate(
        {
            "type": "computer_call",
            "id": f"cu_{call_id}",
            "call_id": call_id,
            "action": action,
            "pending_safety_checks": [],
            "status": "completed",
        }
    ).to_dict()


def screenshot(call_id: str, shade: int) -> dict[str, Any]:
    return accepted(
        {
            "type": "computer_call_output",
            "call_id": call_id,
            "output": {"type": "computer_screenshot", "image_url": picture_url(shade)},
        }
    )


def shell_call(call_id: str, *commands: str) -> dict[str, Any]:
    return ResponseFunctionShellToolCall.model_validate(
        {
            "type": "shell_call",
            "id": f"sh_{call_id}",
            "call_id": call_id,
            "action": {"commands": list(commands), "timeout_ms": 60_000, "max_output_length": 4096},
            "environment": None,
            "status": "completed",
        }
    ).to_dict()


def shell_output(call_id: str, stdout: str, stderr: str = "", exit_code: int = 0) -> dict[str, Any]:
    return accepted(
        {
            "type": "shell_call_output",
            "call_id": call_id,
            "max_output_length": 4096,
            "output": [{"stdout": stdout, "stderr": stderr, "outcome": {"type": "exit", "exit_code": exit_code}}],
        }
    )


def local_shell(call_id: str, *command: str) -> dict[str, Any]:
    return LocalShellCall.model_validate(
        {
            "type": "local_shell_call",
            "id": f"lsh_{call_id}",
            "call_id": call_id,
            "action": {"type": "exec", "command": list(command), "env": {}, "working_directory": "/srv/tides"},
            "status": "completed",
        }
    ).to_dict()


def patched(call_id: str, path: str, diff: str) -> dict[str, Any]:
    return ResponseApplyPatchToolCall.model_validate(
        {
            "type": "apply_patch_call",
            "id": f"ap_{call_id}",
            "call_id": call_id,
            "status": "completed",
            "operation": {"type": "update_file", "path": path, "diff": diff},
        }
    ).to_dict()


def web_search(id: str, query: str, *urls: str) -> dict[str, Any]:
    sources = [{"type": "url", "url": url} for url in urls]
    return ResponseFunctionWebSearch.model_validate(
        {
            "type": "web_search_call",
            "id": id,
            "status": "completed",
            "action": {"type": "search", "query": query, "queries": [query], "sources": sources},
        }
    ).to_dict()


def interpreted(id: str, code: str, logs: str) -> dict[str, Any]:
    return ResponseCodeInterpreterToolCall.model_validate(
        {
            "type": "code_interpreter_call",
            "id": id,
            "code": code,
            "container_id": "cntr_68af21",
            "outputs": [{"type": "logs", "logs": logs}],
            "status": "completed",
        }
    ).to_dict()


def record() -> Recording:
    recording = Recording("openai_responses", "openai_responses", ("openai",))
    _payloads(recording)
    _conversations(recording)
    return recording


def _payloads(recording: Recording) -> None:
    add = recording.payload
    add(
        "a question with a picture",
        "text+media",
        "user",
        accepted(
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Which harbour is on this chart?"},
                    {"type": "input_image", "image_url": picture_url(1), "detail": "auto"},
                    {"type": "input_file", "filename": "almanac-2026.pdf", "file_data": picture_url(2)},
                ],
            }
        ),
        found=["Which harbour", "almanac-2026.pdf"],
        silent=[picture_text(1)[:60], picture_text(2)[40:100], "base64"],
    )
    add(
        "an answer that cites a page",
        "text",
        "assistant",
        said(
            "Spring tide at Bristol is at 07:41.",
            "msg_0a1",
            [
                {
                    "type": "url_citation",
                    "start_index": 0,
                    "end_index": 21,
                    "title": "Tide tables of the Severn",
                    "url": "https://tides.example/severn",
                }
            ],
        ),
        found=["Spring tide at Bristol", "Tide tables of the Severn"],
        silent=["msg_0a1", "output_text", "completed"],
    )
    refusal = {"type": "refusal", "refusal": "I cannot help with picking that lock."}
    add(
        "a refusal",
        "text",
        "assistant",
        ResponseOutputMessage.model_validate(
            {"id": "msg_0a2", "type": "message", "role": "assistant", "status": "completed", "content": [refusal]}
        ).to_dict(),
        found=["picking that lock"],
        silent=["msg_0a2"],
    )
    add(
        "reasoning with a summary",
        "reasoning",
        "assistant",
        thought("rs_0b1", "**Comparing tide tables** The moon is full on Tuesday."),
        found=["Comparing tide tables", "full on Tuesday"],
        silent=["rs_0b1", SEALED[:40], SEALED[60:100]],
    )
    add(
        "reasoning without a summary", "reasoning", "assistant", thought("rs_0b2", None), silent=["rs_0b2", SEALED[:40]]
    )
    add(
        "a function call",
        "call",
        "assistant",
        called("look_up_tide", "call_Tq81Zx", harbour="Saint-Malo", day="Tuesday"),
        found=["Saint-Malo", "Tuesday"],
        silent=["call_Tq81Zx", "fc_call"],
    )
    add(
        "an output of text",
        "result",
        "tool",
        gave("call_Tq81Zx", '{"high_water": "07:41", "remark": "strong ebb behind the breakwater"}'),
        found=["strong ebb behind the breakwater"],
        silent=["call_Tq81Zx"],
    )
    add(
        "an output of parts",
        "result+media",
        "tool",
        gave(
            "call_Tq82Zx",
            [
                {"type": "input_text", "text": "chart of the Solent"},
                {"type": "input_image", "image_url": picture_url(3)},
            ],
        ),
        found=["chart of the Solent"],
        silent=["call_Tq82Zx", picture_text(3)[:60]],
    )
    custom = ResponseCustomToolCall(
        type="custom_tool_call", id="ctc_0c1", call_id="call_c9", name="run_sql", input="SELECT height FROM ebb_tides"
    )
    add("a custom call", "call", "assistant", custom.to_dict(), found=["ebb_tides"], silent=["ctc_0c1", "call_c9"])
    add(
        "the output of a custom call",
        "result",
        "tool",
        accepted({"type": "custom_tool_call_output", "call_id": "call_c9", "output": "12 rows: neap, spring, storm"}),
        found=["neap, spring, storm"],
        silent=["call_c9"],
    )
    add(
        "a computer's call",
        "call",
        "assistant",
        computer_call("call_cu1", {"type": "type", "text": "harbour master Cuxhaven"}),
        found=["harbour master Cuxhaven"],
        silent=["call_cu1", "cu_call_cu1"],
    )
    add(
        "a computer's screenshot",
        "result+media",
        "tool",
        screenshot("call_cu1", 4),
        silent=["call_cu1", picture_text(4)[:60], "computer_screenshot"],
    )
    add(
        "a shell call",
        "call",
        "assistant",
        shell_call("call_sh1", "grep -rn 'lighthouse' charts/", "wc -l charts/*.csv"),
        found=["grep -rn 'lighthouse'"],
        silent=["call_sh1"],
    )
    add(
        "the output of a shell",
        "result",
        "tool",
        shell_output(
            "call_sh1", "charts/north.csv:12:lighthouse, Skagen\n", "wc: charts/old.csv: permission denied", 1
        ),
        found=["lighthouse, Skagen", "permission denied"],
        silent=["call_sh1"],
    )
    add(
        "a local shell call",
        "call",
        "assistant",
        local_shell("call_ls1", "python", "predict.py", "--harbour", "Esbjerg"),
        found=["predict.py", "Esbjerg"],
        silent=["lsh_call_ls1"],
    )
    add(
        "the output of a local shell",
        "result",
        "tool",
        accepted({"type": "local_shell_call_output", "id": "call_ls1", "output": "predicted 3.2 m at Esbjerg"}),
        found=["predicted 3.2 m"],
        silent=["call_ls1"],
    )
    add(
        "a patch",
        "call",
        "assistant",
        patched("call_ap1", "tides/model.py", "@@\n-datum = 'NAP'\n+datum = 'LAT'\n"),
        found=["datum = 'LAT'", "tides/model.py"],
        silent=["ap_call_ap1"],
    )
    add(
        "the output of a patch",
        "result",
        "tool",
        accepted(
            {
                "type": "apply_patch_call_output",
                "call_id": "call_ap1",
                "status": "failed",
                "output": "hunk 1 did not match: datum is missing",
            }
        ),
        found=["hunk 1 did not match"],
        silent=["call_ap1"],
    )
    add(
        "a web search",
        "call_and_result",
        "assistant",
        web_search("ws_0d1", "storm surge warning Hamburg", "https://surge.example/hamburg"),
        found=["storm surge warning Hamburg"],
        silent=["ws_0d1"],
    )
    add(
        "a file search",
        "call_and_result",
        "assistant",
        ResponseFileSearchToolCall.model_validate(
            {
                "type": "file_search_call",
                "id": "fs_0d2",
                "queries": ["pilotage rules"],
                "status": "completed",
                "results": [
                    {
                        "file_id": "file-9Kd",
                        "filename": "pilots.md",
                        "score": 0.9,
                        "text": "A pilot boards at the buoy.",
                    }
                ],
            }
        ).to_dict(),
        found=["pilotage rules", "A pilot boards at the buoy", "pilots.md"],
        silent=["fs_0d2", "file-9Kd"],
    )
    add(
        "interpreted code",
        "call_and_result",
        "assistant",
        interpreted("ci_0d3", "heights = fit(moon, sun)\nprint(heights.max())", "4.71 metres at perigee"),
        found=["heights = fit(moon, sun)", "4.71 metres at perigee"],
        silent=["ci_0d3", "cntr_68af21"],
    )
    add(
        "a generated picture",
        "call_and_result+media",
        "assistant",
        ImageGenerationCall(
            type="image_generation_call", id="ig_0d4", status="completed", result=picture_text(5)
        ).to_dict(),
        silent=["ig_0d4", picture_text(5)[:60]],
    )
    add(
        "a list of tools of a server",
        "system",
        "assistant",
        McpListTools.model_validate(
            {
                "type": "mcp_list_tools",
                "id": "mcpl_0e1",
                "server_label": "harbours",
                "tools": [
                    {
                        "name": "berths",
                        "description": "Lists the free berths of a marina.",
                        "input_schema": {"type": "object", "properties": {"marina": {"type": "string"}}},
                    }
                ],
            }
        ).to_dict(),
        silent=["mcpl_0e1"],
    )
    add(
        "a call to a server",
        "call_and_result",
        "assistant",
        McpCall.model_validate(
            {
                "type": "mcp_call",
                "id": "mcp_0e2",
                "server_label": "harbours",
                "name": "berths",
                "arguments": '{"marina": "Port Ellen"}',
                "output": "two berths are free on pontoon C",
                "status": "completed",
            }
        ).to_dict(),
        found=["Port Ellen", "two berths are free"],
        silent=["mcp_0e2"],
    )
    add(
        "a tool search",
        "call",
        "assistant",
        ResponseToolSearchCall.model_validate(
            {
                "type": "tool_search_call",
                "id": "tsc_0f1",
                "call_id": "call_ts1",
                "execution": "client",
                "status": "completed",
                "arguments": {"query": "tools for buoyage"},
            }
        ).to_dict(),
        found=["tools for buoyage"],
        silent=["tsc_0f1", "call_ts1"],
    )
    add(
        "the output of a tool search",
        "result",
        "tool",
        tool_search_output("call_ts1", "list_buoys", "Lists the buoys of a fairway."),
        found=["Lists the buoys of a fairway"],
        silent=["call_ts1"],
    )
    add(
        "a program",
        "call",
        "assistant",
        program("prog_1", "const all = await Promise.all(harbours.map(tideOf));"),
        found=["harbours.map(tideOf)"],
        silent=["prog_1", "fp_9081"],
    )
    add(
        "the output of a program",
        "result",
        "tool",
        program_output("prog_1", "highest: Avonmouth, 14.9 m"),
        found=["highest: Avonmouth"],
        silent=["prog_1"],
    )


def tool_search_output(call_id: str | None, name: str, description: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"fairway": {"type": "string"}}, "required": ["fairway"]}
    return ResponseToolSearchOutputItem.model_validate(
        {
            "type": "tool_search_output",
            "id": f"tso_{call_id}",
            "call_id": call_id,
            "execution": "server" if call_id is None else "client",
            "status": "completed",
            "tools": [
                {
                    "type": "function",
                    "name": name,
                    "description": description,
                    "parameters": parameters,
                    "strict": True,
                    "defer_loading": True,
                }
            ],
        }
    ).to_dict()


def program(call_id: str, code: str) -> dict[str, Any]:
    return Program(type="program", id=f"pg_{call_id}", call_id=call_id, code=code, fingerprint="fp_9081").to_dict()


def program_output(call_id: str, result: str) -> dict[str, Any]:
    return ProgramOutput(
        type="program_output", id=f"po_{call_id}", call_id=call_id, result=result, status="completed"
    ).to_dict()


def _conversations(recording: Recording) -> None:
    def add(name: str, *items: dict[str, Any], **how: Any) -> None:
        recording.conversation(name, [(role_of(item), item) for item in items], **how)

    add(
        "reasoning before parallel calls, their outputs out of order",
        accepted({"role": "developer", "content": "You are a pilot's clerk."}),
        asked("When is high water at Brest and at Dover?"),
        thought("rs_1", "Two harbours, two calls."),
        called("look_up_tide", "call_1", harbour="Brest"),
        called("look_up_tide", "call_2", harbour="Dover"),
        gave("call_2", long_output("Dover")),
        gave("call_1", long_output("Brest")),
        thought("rs_2", None),
        said("Brest at 04:12, Dover at 11:03.", "msg_1"),
        asked("And at Calais?"),
        thought("rs_3", "One more harbour."),
        called("look_up_tide", "call_3", harbour="Calais"),
        gave("call_3", long_output("Calais")),
        said("Calais at 11:40.", "msg_2"),
        asked("Thanks."),
        said("Fair winds.", "msg_3"),
    )
    add(
        "a computer, step by step",
        asked("Book a berth at the marina's page."),
        thought("rs_11", "I open the page."),
        computer_call("call_11", {"type": "screenshot"}),
        screenshot("call_11", 11),
        thought("rs_12", "The button is at the right."),
        computer_call("call_12", {"type": "click", "button": "left", "x": 400, "y": 220}),
        screenshot("call_12", 12),
        computer_call("call_13", {"type": "type", "text": "Arundel, two nights"}),
        screenshot("call_13", 13),
        said("The berth is booked.", "msg_11"),
        asked("Cancel it again."),
        thought("rs_13", "Back to the page."),
        computer_call("call_14", {"type": "click", "button": "left", "x": 10, "y": 20}),
        screenshot("call_14", 14),
        said("It is cancelled.", "msg_12"),
    )
    add(
        "shells and patches",
        asked("The datum of the model is wrong. Mend it."),
        thought("rs_21", "I look for the datum first."),
        shell_call("call_21", "grep -rn datum tides/"),
        shell_output("call_21", long_output("tides/model.py datum")),
        thought("rs_22", "It is in model.py."),
        patched("call_22", "tides/model.py", "@@\n-datum = 'NAP'\n+datum = 'LAT'\n"),
        accepted({"type": "apply_patch_call_output", "call_id": "call_22", "status": "completed", "output": "applied"}),
        local_shell("call_23", "pytest", "-q"),
        accepted({"type": "local_shell_call_output", "id": "call_23", "output": long_output("passed")}),
        said("The datum is LAT now, and the tests pass.", "msg_21"),
        asked("Commit it."),
        shell_call("call_24", "git add -A", "git commit -m 'LAT as datum'"),
        shell_output("call_24", "[main 1f2e3d] LAT as datum", "", 0),
        said("Committed.", "msg_22"),
    )
    add(
        "searches on the web, and interpreted code",
        asked("Is a surge on its way to Hamburg? Draw the curve."),
        thought("rs_31", "I search."),
        web_search("ws_31", "surge Hamburg today", "https://surge.example/a"),
        thought("rs_32", "I read on."),
        web_search("ws_32", "pegel St. Pauli", "https://surge.example/b"),
        thought("rs_33", "Now the curve."),
        interpreted("ci_31", "plot(levels)", long_output("St. Pauli")),
        said("A surge of 2.1 m arrives at noon.", "msg_31"),
        asked("And tomorrow?"),
        web_search("ws_33", "surge Hamburg tomorrow", "https://surge.example/c"),
        said("Tomorrow is calm.", "msg_32"),
        asked("Good."),
        said("Indeed.", "msg_33"),
    )
    steps = []
    for n in range(12):
        steps += [
            thought(f"rs_4{n:02}", f"Step {n}: the next station."),
            called("read_station", f"call_4{n:02}", station=n),
            gave(f"call_4{n:02}", long_output(f"station {n}", 12)),
        ]
    add(
        "one long turn of many steps",
        accepted({"role": "system", "content": "You read stations."}),
        asked("Read all twelve stations, one after the other."),
        *steps,
        said("All twelve are read.", "msg_41"),
    )
    add(
        "tools that are searched, a program that calls them, and approvals",
        asked("Which buoys are unlit?"),
        thought("rs_51", "I need a tool for buoys."),
        ResponseToolSearchCall.model_validate(
            {
                "type": "tool_search_call",
                "id": "tsc_51",
                "call_id": "call_51",
                "execution": "client",
                "status": "completed",
                "arguments": {"query": "buoys"},
            }
        ).to_dict(),
        tool_search_output("call_51", "list_buoys", "Lists the buoys of a fairway."),
        thought("rs_52", "A program asks for all fairways."),
        program("call_52", "return (await list_buoys({fairway: 'north'})).filter(b => !b.lit)"),
        {
            **called("list_buoys", "call_53", fairway="north"),
            "caller": {"type": "program", "caller_id": "call_52"},
        },
        {**gave("call_53", long_output("buoy")), "caller": {"type": "program", "caller_id": "call_52"}},
        program_output("call_52", "N4 and N9 are unlit"),
        said("N4 and N9.", "msg_51"),
        asked("Report them."),
        McpApprovalRequest.model_validate(
            {
                "type": "mcp_approval_request",
                "id": "mcpr_51",
                "server_label": "harbours",
                "name": "report",
                "arguments": '{"buoys": ["N4", "N9"]}',
            }
        ).to_dict(),
        accepted({"type": "mcp_approval_response", "approval_request_id": "mcpr_51", "approve": True}),
        McpCall.model_validate(
            {
                "type": "mcp_call",
                "id": "mcp_51",
                "server_label": "harbours",
                "name": "report",
                "arguments": '{"buoys": ["N4", "N9"]}',
                "output": long_output("reported"),
                "approval_request_id": "mcpr_51",
                "status": "completed",
            }
        ).to_dict(),
        said("Both are reported.", "msg_52"),
        asked("Thank you."),
        said("You are welcome.", "msg_53"),
    )
    # An application that files what tools gave under the user, as the Messages API does.
    filed = [
        asked("How deep is the fairway?"),
        thought("rs_61", "I look it up."),
        called("depth", "call_61", fairway="north"),
        gave("call_61", long_output("depth")),
        said("Nine metres.", "msg_61"),
        asked("And at low water?"),
        called("depth", "call_62", fairway="north", tide="low"),
        gave("call_62", "6.4 m"),
        said("6.4 metres.", "msg_62"),
    ]
    recording.conversation(
        "outputs that are filed under the user",
        [("user" if item.get("type", "").endswith("_output") else role_of(item), item) for item in filed],
    )
