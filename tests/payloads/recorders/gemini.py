"""Contents of the Gemini API, from the types of the package `google-genai`; and steps of its Interactions API."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from google.genai import types
from google.genai._gaos.types.interactions.step import Step
from pydantic import TypeAdapter

from .recording import SIGNATURE, Recording, long_output, picture, picture_text

STEP: TypeAdapter[Any] = TypeAdapter(Step)
_SIGNED = b64decode(SIGNATURE)


def content(role: str, *parts: types.Part) -> dict[str, Any]:
    return types.Content(role=role, parts=list(parts)).model_dump(mode="json", exclude_none=True, by_alias=True)


def text(words: str, **more: Any) -> types.Part:
    return types.Part(text=words, **more)


def call(name: str, id: str | None = None, *, signed: bool = False, **args: Any) -> types.Part:
    return types.Part(
        function_call=types.FunctionCall(id=id, name=name, args=args), thought_signature=_SIGNED if signed else None
    )


def response(name: str, id: str | None = None, **given: Any) -> types.Part:
    return types.Part(function_response=types.FunctionResponse(id=id, name=name, response=given))


def code(words: str) -> types.Part:
    return types.Part(executable_code=types.ExecutableCode(code=words, language=types.Language.PYTHON))


def outcome(words: str) -> types.Part:
    return types.Part(code_execution_result=types.CodeExecutionResult(outcome=types.Outcome.OUTCOME_OK, output=words))


def inline(shade: int) -> types.Part:
    return types.Part(inline_data=types.Blob(data=picture(shade), mime_type="image/png"))


def step(**given: Any) -> dict[str, Any]:
    dumped = STEP.validate_python(given).model_dump(mode="json", by_alias=True)
    assert dumped["type"] == given["type"], dumped
    return dict(dumped)


def user_step(words: str) -> dict[str, Any]:
    return step(type="user_input", content=[{"type": "text", "text": words}])


def model_step(words: str) -> dict[str, Any]:
    return step(type="model_output", content=[{"type": "text", "text": words}])


def thought_step(words: str) -> dict[str, Any]:
    return step(type="thought", signature=SIGNATURE, summary=[{"type": "text", "text": words}])


def call_step(id: str, name: str, **arguments: Any) -> dict[str, Any]:
    return step(type="function_call", id=id, name=name, arguments=arguments)


def result_step(call_id: str, name: str, result: Any) -> dict[str, Any]:
    return step(type="function_result", call_id=call_id, name=name, result=result)


def record() -> Recording:
    recording = Recording("gemini", "gemini", ("google-genai",))
    add = recording.payload
    add(
        "a question with a picture",
        "text+media",
        "user",
        content("user", text("Whose pennant is this?"), inline(41)),
        found=["Whose pennant"],
        silent=[picture_text(41)[:60].replace("+", "-").replace("/", "_"), "image/png"],
    )
    add(
        "a thought, and a signed call",
        "reasoning+call",
        "model",
        content("model", text("It may be a yacht club.", thought=True), call("clubs", signed=True, of="Cowes")),
        found=["may be a yacht club", "Cowes"],
        silent=[SIGNATURE[:40].replace("+", "-").replace("/", "_")],
    )
    add(
        "parallel calls with ids",
        "call",
        "model",
        content("model", call("clubs", "fc-1", of="Lymington"), call("clubs", "fc-2", of="Yarmouth")),
        found=["Lymington", "Yarmouth"],
        silent=["fc-1"],
    )
    add(
        "responses",
        "result",
        "user",
        content(
            "user",
            response("clubs", "fc-1", output={"name": "Royal Lymington", "founded": 1922}),
            response("clubs", "fc-2", error="unknown place"),
        ),
        found=["Royal Lymington", "unknown place"],
        silent=["fc-1"],
    )
    add(
        "code and its result",
        "call_and_result",
        "model",
        content("model", code("print(knots * 1.852)"), outcome("33.3 km/h against the stream"), text("33.3 km/h.")),
        found=["print(knots * 1.852)", "against the stream"],
        silent=["OUTCOME_OK"],
    )
    _contents(recording)
    return recording


def record_interactions() -> Recording:
    recording = Recording("gemini_interactions", "gemini_interactions", ("google-genai",))
    add = recording.payload
    add(
        "a thought",
        "reasoning",
        "assistant",
        thought_step("The regatta starts with the ebb."),
        found=["starts with the ebb"],
        silent=[SIGNATURE[:60]],
    )
    add(
        "a function call",
        "call",
        "assistant",
        call_step("call_gi1", "start_line", regatta="Round the Island"),
        found=["Round the Island"],
        silent=["call_gi1"],
    )
    add(
        "a function result",
        "result",
        "user",
        result_step("call_gi1", "start_line", [{"type": "text", "text": "the gun fires at 08:00"}]),
        found=["the gun fires at 08:00"],
        silent=["call_gi1"],
    )
    add(
        "code",
        "call",
        "assistant",
        step(
            type="code_execution_call",
            id="ce_gi2",
            arguments={"code": "sum(handicaps)", "language": "python"},
            signature=SIGNATURE,
        ),
        found=["sum(handicaps)"],
        silent=["ce_gi2", SIGNATURE[:60]],
    )
    add(
        "the result of code",
        "result",
        "assistant",
        step(type="code_execution_result", call_id="ce_gi2", result="corrected time 05:12:44", signature=SIGNATURE),
        found=["corrected time 05:12:44"],
        silent=["ce_gi2", SIGNATURE[:60]],
    )
    _interactions(recording)
    return recording


def _contents(recording: Recording) -> None:
    def add(name: str, *contents: dict[str, Any], **how: Any) -> None:
        recording.conversation(name, [(each["role"], each) for each in contents], **how)

    add(
        "signed calls with ids, in parallel",
        content("user", text("Which clubs are in the Solent?")),
        content(
            "model",
            text("I ask two.", thought=True),
            call("clubs", "a", signed=True, of="Cowes"),
            call("clubs", "b", of="Hamble"),
        ),
        content("user", response("clubs", "b", output=long_output("Hamble")), response("clubs", "a", output="Cowes")),
        content("model", text("Six clubs.")),
        content("user", text("And in the Medway?")),
        content("model", call("clubs", "c", signed=True, of="Medway")),
        content("user", response("clubs", "c", output={"list": long_output("Medway").split("\n")})),
        content("model", text("Two.")),
        content("user", text("Fine.")),
        content("model", text("Yes.")),
    )
    add(
        "calls without ids",
        content("user", text("Tide and wind, please.")),
        content("model", call("tide", at="Hurst"), call("wind", at="Hurst")),
        content("user", response("tide", output=long_output("tide")), response("wind", output=long_output("wind"))),
        content("model", text("West 5, ebb.")),
        content("user", text("And at noon?")),
        content("model", call("tide", at="Hurst", hour=12)),
        content("user", response("tide", output=long_output("noon"))),
        content("model", text("Slack.")),
    )
    steps: list[dict[str, Any]] = []
    for n in range(8):
        steps += [
            content("model", call("mark", f"m{n}", signed=n == 0, number=n)),
            content("user", response("mark", f"m{n}", output=long_output(f"mark {n}", 14))),
        ]
    add(
        "one long turn of many steps",
        content("user", text("Round eight marks.")),
        *steps,
        content("model", text("Done.")),
    )
    add(
        "code that the model ran, and pictures",
        content("user", text("How fast is this boat?"), inline(42)),
        content(
            "model", text("I compute."), code("print(18 * 1.852)"), outcome(long_output("speed")), text("33 km/h.")
        ),
        content("user", text("And this one?"), inline(43)),
        content("model", code("print(9 * 1.852)"), outcome("16.7"), text("17 km/h.")),
        content("user", text("Thanks.")),
        content("model", text("Gladly.")),
    )


def _interactions(recording: Recording) -> None:
    def add(name: str, *steps: dict[str, Any], **how: Any) -> None:
        def role(kind: str) -> str:
            return "user" if kind in ("user_input", "function_result") else "assistant"

        recording.conversation(name, [(role(each["type"]), each) for each in steps], **how)

    add(
        "thoughts before calls, and their results",
        user_step("When does the regatta start?"),
        thought_step("I ask the club."),
        call_step("i1", "start_line", regatta="Round the Island"),
        call_step("i2", "weather", at="Needles"),
        result_step("i2", "weather", long_output("Needles")),
        result_step("i1", "start_line", {"gun": "08:00", "notes": long_output("line")}),
        model_step("At eight."),
        user_step("Who won last year?"),
        thought_step("I look it up."),
        call_step("i3", "results", year=2025),
        result_step("i3", "results", [{"type": "text", "text": long_output("place")}]),
        model_step("Mistral did."),
        user_step("Thanks."),
        model_step("Gladly."),
    )
    add(
        "code and searches of the server's",
        user_step("Compute the corrected times."),
        thought_step("I run code."),
        step(
            type="code_execution_call",
            id="i11",
            arguments={"code": "sum(h)", "language": "python"},
            signature=SIGNATURE,
        ),
        step(type="code_execution_result", call_id="i11", result=long_output("corrected"), signature=SIGNATURE),
        model_step("Mistral leads."),
        user_step("Is that in the news?"),
        step(type="google_search_call", id="i12", arguments={"queries": ["Mistral regatta"]}, signature=SIGNATURE),
        step(
            type="google_search_result",
            call_id="i12",
            result=[{"search_suggestions": "Mistral wins on corrected time"}],
            signature=SIGNATURE,
        ),
        model_step("It is."),
        user_step("Good."),
        model_step("Yes."),
    )
