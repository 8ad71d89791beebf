"""Records what the SDKs of agents really give: tests/payloads/recorded/*.json. Run by hand; no test needs an SDK.

    python -m venv sdks
    sdks/bin/pip install openai==3.57.0 openai-agents==0.24.0 anthropic==2.14.0 google-genai==2.34.0 \\
        langchain-core==1.8.3 langgraph==1.2.24 pydantic-ai-slim==2.68.0 autogen-core==0.7.5 autogen-agentchat==0.7.5 \\
        claude-agent-sdk==0.2.189 google-adk==2.13.0 llama-index-core==0.14.25 smolagents==1.26.0
    npm install --ignore-scripts --prefix sdks/node ai@6.0.326 zod
    sdks/bin/python tests/payloads/record.py --node sdks/node

Ids and times are fixed, so that a second run writes the same files. Each file holds one family: the items of one SDK in one
form, the versions of its packages, its single payloads, and its conversations. See recorders/recording.py for their fields.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

warnings.simplefilter("ignore")  # an SDK may warn of its own older forms, which histories hold

from recorders import (  # noqa: E402
    ai_sdk,
    anthropic_messages,
    autogen_messages,
    claude_agent_sdk_entries,
    gemini,
    google_adk_events,
    langchain_messages,
    llama_index_messages,
    openai_agents,
    openai_chat,
    openai_responses,
    pydantic_ai_messages,
    smolagents_steps,
)
from recorders.recording import Recording  # noqa: E402

RECORDED = Path(__file__).parent / "recorded"


def recordings(node: str) -> list[Recording]:
    """All families. node: a folder that holds the node_modules of the npm package `ai`."""
    return [
        openai_responses.record(),
        openai_chat.record(),
        openai_agents.record(),
        anthropic_messages.record(),
        gemini.record(),
        gemini.record_interactions(),
        langchain_messages.record(),
        langchain_messages.record_graph(),
        pydantic_ai_messages.record(),
        autogen_messages.record(),
        claude_agent_sdk_entries.record(),
        google_adk_events.record(),
        llama_index_messages.record(),
        smolagents_steps.record(),
        *ai_sdk.record(node),
    ]


def versions(recording: Recording, node: str) -> dict[str, str]:
    found = {}
    for package in recording.packages:
        manifest = Path(node, "node_modules", package, "package.json")
        found[package] = json.loads(manifest.read_text())["version"] if package == "ai" else version(package)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Record what the SDKs of agents give.")
    parser.add_argument("--node", required=True, help="a folder that holds the node_modules of the npm package ai")
    node = parser.parse_args().node
    RECORDED.mkdir(exist_ok=True)
    for recording in recordings(node):
        whole = {
            "family": recording.family,
            "packages": versions(recording, node),
            "payloads": recording.payloads,
            "conversations": recording.conversations,
        }
        text = json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
        (RECORDED / f"{recording.family}.json").write_text(text, encoding="utf-8", newline="\n")
        print(
            f"{recording.family}: {len(recording.payloads)} payloads, {len(recording.conversations)} conversations, "
            f"{len(text) // 1000} kB"
        )


if __name__ == "__main__":
    main()
