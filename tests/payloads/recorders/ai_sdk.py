"""Messages of the AI SDK, by the script beside this module, which node runs with the npm package `ai`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .recording import SIGNATURE, Recording, long_output, picture_text, picture_url

SCRIPT = Path(__file__).with_name("ai_sdk.mjs")


def node(folder: str, *arguments: str, given: Any) -> Any:
    """What the script prints, run with the node_modules of a folder."""
    run = subprocess.run(
        ["node", str(SCRIPT), folder, *arguments], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout)


def record(folder: str) -> tuple[Recording, Recording]:
    long = {place: long_output(place) for place in ("Oban", "Ardrossan", "Mallaig")}
    made = node(folder, given={"pictures": [picture_url(95), picture_url(96)], "signature": SIGNATURE, "long": long})
    ui, model = Recording("ai_sdk_ui", "ai_sdk_ui", ("ai",)), Recording("ai_sdk", "ai_sdk", ("ai",))
    hidden = [picture_text(96)[:60]]
    ui.payload(
        "a question with a picture", "text+media", "user", made["ui"]["asked"], found=["to Islay full"], silent=hidden
    )
    ui.payload(
        "reasoning, a call and its result, and an answer",
        "reasoning+call_and_result",
        "assistant",
        made["ui"]["used"],
        found=["Port Askaig or Port Ellen", "only foot passengers", "Nearly"],
        silent=["call_ai1", SIGNATURE[:60], "output-available"],
    )
    ui.payload(
        "a call that failed",
        "call_and_result",
        "assistant",
        made["ui"]["failed"],
        found=["Colonsay", "the linkspan is broken"],
        silent=["call_ai2", "output-error"],
    )
    model.payload(
        "a question with a picture",
        "text+media",
        "user",
        made["model"]["asked"],
        found=["to Islay full"],
        silent=hidden,
    )
    model.payload(
        "reasoning and a call",
        "reasoning+call",
        "assistant",
        made["model"]["called"],
        found=["Port Askaig or Port Ellen", "Port Askaig"],
        silent=["call_ai1", SIGNATURE[:60]],
    )
    model.payload(
        "a result", "result", "tool", made["model"]["given"], found=["only foot passengers"], silent=["call_ai1"]
    )
    for recording, conversations in ((ui, made["uiConversations"]), (model, made["modelConversations"])):
        for name, messages in conversations.items():
            recording.conversation(name, messages)
    return ui, model
