// Messages of the AI SDK (npm `ai`): UI messages, as a chat keeps them, and the model messages that the SDK makes of them.
// Run by record.py: node ai_sdk.mjs FOLDER, where FOLDER holds node_modules. Prints JSON.
//   node ai_sdk.mjs FOLDER check < JSON     reads a list of {kind, messages} and prints for each "" or why it is refused.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "anything.js"));
const { convertToModelMessages, modelMessageSchema, validateUIMessages } = require("ai");

if (process.argv[3] === "check") {
  const asked = JSON.parse(readFileSync(0, "utf8"));
  const answers = [];
  for (const { kind, messages } of asked) {
    try {
      if (kind === "ai_sdk_ui") {
        await validateUIMessages({ messages });
        await convertToModelMessages(messages);
      } else for (const message of messages) modelMessageSchema.parse(message);
      answers.push("");
    } catch (error) {
      answers.push(String(error.message).slice(0, 300));
    }
  }
  console.log(JSON.stringify(answers));
  process.exit(0);
}

const { pictures, signature, long } = JSON.parse(readFileSync(0, "utf8"));
const text = (words) => ({ type: "text", text: words });
const user = (id, ...parts) => ({ id, role: "user", parts });
const assistant = (id, ...parts) => ({ id, role: "assistant", parts });
const reasoning = (words) => ({
  type: "reasoning", text: words, state: "done", providerMetadata: { anthropic: { signature } },
});
const used = (name, toolCallId, input, output) => ({
  type: `tool-${name}`, toolCallId, state: "output-available", input, output,
});
const step = { type: "step-start" };
const listed = (messages) => messages.map((message) => [message.role, message]);

const uiConversations = {
  "calls and results inside the answer": [
    { id: "m0", role: "system", parts: [text("You know ferries.")] },
    user("m1", text("Which ferries sail today?")),
    assistant("m2", step, reasoning("Two lines."), used("ferries", "t1", { line: "Oban" }, long.Oban),
      used("ferries", "t2", { line: "Ardrossan" }, { sailings: long.Ardrossan.split("\n") }), step, text("Nine.")),
    user("m3", text("And from Mallaig?")),
    assistant("m4", step, used("ferries", "t3", { line: "Mallaig" }, long.Mallaig), step, text("Four.")),
    user("m5", text("Thanks.")),
    assistant("m6", text("Gladly.")),
  ],
  "one long turn of many steps": [
    user("m1", text("Ask ten lines.")),
    assistant("m2", ...Array.from({ length: 10 }, (_, n) =>
      [step, used("ferries", `t${n}`, { line: n }, long.Oban)]).flat(), step, text("Asked.")),
  ],
  "a failed call, a picture, and a search of the provider's": [
    user("m1", text("What is this?"), { type: "file", mediaType: "image/png", url: pictures[0] }),
    assistant("m2", step,
      { type: "tool-ferries", toolCallId: "t1", state: "output-error", input: { line: "?" }, errorText: "no such line" },
      step, text("A ferry.")),
    user("m3", text("Search for it.")),
    assistant("m4", step,
      { ...used("web_search", "t2", { query: "ferry" }, [{ title: long.Oban }]), providerExecuted: true },
      { type: "source-url", sourceId: "s1", url: "https://ferries.example", title: "Ferries" }, text("The Isle of Mull.")),
    user("m5", text("Right.")),
    assistant("m6", text("Good.")),
  ],
};
for (const messages of Object.values(uiConversations)) await validateUIMessages({ messages });

const plain = (value) => JSON.parse(JSON.stringify(value));
const modelConversations = {};
for (const [name, messages] of Object.entries(uiConversations))
  modelConversations[name] = plain(await convertToModelMessages(messages));
for (const messages of Object.values(modelConversations))
  for (const message of messages) modelMessageSchema.parse(message);

const ui = {
  asked: user("m-1", text("Is the ferry to Islay full?"), { type: "file", mediaType: "image/png", url: pictures[1] }),
  used: assistant("m-2", step, reasoning("Port Askaig or Port Ellen."), used("ferries", "call_ai1",
    { port: "Port Askaig" }, { remark: "only foot passengers" }), step, text("Nearly.")),
  failed: assistant("m-3", step, { type: "dynamic-tool", toolName: "berths", toolCallId: "call_ai2", state: "output-error",
    input: { port: "Colonsay" }, errorText: "the linkspan is broken" }),
};
await validateUIMessages({ messages: Object.values(ui) });
const [asked, called, given] = plain(await convertToModelMessages([ui.asked, ui.used]));
console.log(JSON.stringify({ ui, model: { asked, called, given },
  uiConversations: Object.fromEntries(Object.entries(uiConversations).map(([name, messages]) => [name, listed(messages)])),
  modelConversations: Object.fromEntries(Object.entries(modelConversations).map(([n, m]) => [n, listed(m)])) }));
