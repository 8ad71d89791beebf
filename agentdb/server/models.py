"""What requests hold, and what the description of the service (OpenAPI) says of answers."""

from __future__ import annotations

from dataclasses import fields
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from agentdb.stores.agent_contexts import AgentContext
from agentdb.stores.agents import Agent, PermissionMode
from agentdb.stores.compactions.values import CompactionEvent, CompactionPlan
from agentdb.stores.fields import JsonArray, JsonObject, NotRead
from agentdb.stores.memories.values import Memory, RecalledMemory, VerificationStatus
from agentdb.stores.messages.values import Message, MessageStats, MessageStatus
from agentdb.stores.sessions.values import Session, SessionStatus


class _Request(BaseModel):
    """What a client sends: no other keys, no value of another type. The stores check the rest, and say which field is wrong."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 1.0 is an integer."""
    return int(value) if type(value) is float and value.is_integer() else value


#: A moment with its time zone, as text.
Moment = Annotated[AwareDatetime, Field(strict=False)]
#: Text that is not empty.
Id = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0, lt=2**53), BeforeValidator(_whole)]
#: Any JSON but null.
AnyValue: TypeAlias = JsonObject | JsonArray | str | bool | int | float
Score = Annotated[float, Field(ge=0, le=1, strict=False)]


class NewSession(_Request):
    """A session to make. Without main_agent_id it runs on the default agent, which is made when it is first needed."""

    id: Id | None = None
    main_agent_id: Id | None = None
    name: str | None = None
    user_goal: str | None = None
    status: SessionStatus = "idle"
    external_session_id: Id | None = None
    user_id: Id | None = None
    parent_session_id: Id | None = None
    source: str | None = None
    tags: JsonArray | None = None
    metadata: JsonObject | None = None


class SessionChange(_Request):
    """What to change of a session; what is not there stays."""

    name: str | None = None
    user_goal: str | None = None
    status: SessionStatus = "idle"
    user_id: Id | None = None
    tags: JsonArray | None = None
    metadata: JsonObject | None = None


class Fork(_Request):
    """Where a fork ends, and what it is called. at_seq: the last seq that it has; None: all."""

    at_seq: Count | None = None
    name: str | None = None
    id: Id | None = None


class NewMessage(_Request):
    """A message to append. expected_last_seq: the last seq that the client has seen; then nothing is written behind others."""

    role: Id
    content: str | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: JsonArray | None = None
    token_count: Count | None = None
    usage: JsonObject | None = None
    metadata: JsonObject | None = None
    payload: JsonArray | JsonObject | None = None
    external_id: Id | None = None
    status: MessageStatus = "complete"
    is_preserved: bool = False
    created_at: Moment | None = None
    expected_last_seq: Count | None = None


class MessageChange(_Request):
    """What to change of a message; what is not there stays."""

    content: str | None = None
    name: str | None = None
    tool_calls: JsonArray | None = None
    token_count: Count | None = None
    usage: JsonObject | None = None
    metadata: JsonObject | None = None
    payload: JsonArray | JsonObject | None = None
    status: MessageStatus = "complete"
    is_preserved: bool = False


class AgentSwitchRequest(_Request):
    """The agent that takes over."""

    to_agent: Id
    reason: str | None = None
    metadata: JsonObject | None = None


class NewCompaction(_Request):
    """A summary in the place of what a compaction takes out of the context."""

    summary: Id
    keep_last: Count = 10
    protect_tokens: Count = 40_000
    model_used: str | None = None
    summary_role: Literal["system", "user", "developer"] = "system"
    summary_tokens: Count | None = None


class NewAgent(_Request):
    """An agent to make."""

    name: Id
    model: Id
    id: Id | None = None
    type: Id = "custom"
    description: str | None = None
    avatar: str | None = None
    instructions: str | None = None
    plan_model: str | None = None
    small_model: str | None = None
    built_in_tools: JsonArray | None = None
    mcps: JsonArray | None = None
    configuration: JsonObject | None = None
    permission_mode: PermissionMode = "readOnly"
    max_steps: Count = 10
    metadata: JsonObject | None = None


class AgentChange(_Request):
    """What to change of an agent; what is not there stays."""

    name: Id = ""
    model: Id = ""
    description: str | None = None
    avatar: str | None = None
    instructions: str | None = None
    plan_model: str | None = None
    small_model: str | None = None
    built_in_tools: JsonArray | None = None
    mcps: JsonArray | None = None
    configuration: JsonObject | None = None
    permission_mode: PermissionMode = "readOnly"
    max_steps: Count = 10
    metadata: JsonObject | None = None


class NewMemory(_Request):
    """A memory to make. content is any JSON; text is what is searched, taken from the content unless given."""

    content: AnyValue
    text: str | None = None
    type: Id = "fact"
    memory_type: str | None = None
    agent_id: Id | None = None
    user_id: Id | None = None
    session_id: Id | None = None
    importance: Score = 0.5
    confidence: Score = 1.0
    source_type: str | None = None
    verification_status: VerificationStatus = "unverified"
    expires_at: Moment | None = None
    id: Id | None = None


class MemoryChange(_Request):
    """What to change of a memory; what is not there stays."""

    content: AnyValue = ""
    text: str | None = None
    type: Id = "fact"
    memory_type: str | None = None
    importance: Score = 0.5
    confidence: Score = 1.0
    verification_status: VerificationStatus = "unverified"
    expires_at: Moment | None = None


class Recall(_Request):
    """What to look for among the memories: words, or whose."""

    query: str | None = None
    agent_id: Id | None = None
    user_id: Id | None = None
    session_id: Id | None = None
    type: Id | None = None
    limit: Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)] = 10
    min_importance: Score = 0.0


# -- answers, for the description: the fields are those of the values that the stores give


def _documented(kind: type[Any], name: str | None = None, **own: Any) -> type[BaseModel]:
    hints = get_type_hints(kind)
    names = {field.name: (own.get(field.name, _without_not_read(hints[field.name])), ...) for field in fields(kind)}
    return create_model(name or kind.__name__, __doc__=kind.__doc__, **names)  # type: ignore[call-overload,no-any-return]


def _without_not_read(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        left = [one for one in get_args(hint) if one is not NotRead]
        return Union[tuple(left)]  # noqa: UP007  # made at run time
    return hint


def _page_of(item: type[BaseModel]) -> type[BaseModel]:
    return create_model(
        f"{item.__name__}Page",
        __doc__="A page: next_cursor asks for the one after it, and is null on the last.",
        items=(list[item], ...),  # type: ignore[valid-type]
        next_cursor=(str | None, ...),
        has_more=(bool, ...),
    )


class Refusal(BaseModel):
    """What went wrong. code is for programs, remedy says what to do next."""

    error: str
    code: str = ""
    remedy: str = ""


class HistoryEntry(BaseModel):
    """A message of a history. Text is never null; keys without a value are left out."""

    model_config = ConfigDict(extra="allow")

    id: int
    seq: int
    role: str
    content: str
    timestamp: str
    name: str = ""


class SwitchEntry(BaseModel):
    """A change of agents; `from` is empty for the first."""

    from_: str = Field(alias="from")
    to: str
    reason: str
    timestamp: str


class History(BaseModel):
    """A conversation, and which agents were at work in it."""

    session_id: str
    messages: list[HistoryEntry]
    message_count: int
    last_activity: str
    current_agent: str
    agent_history: list[SwitchEntry]


class SessionEntry(BaseModel):
    """A session in the list of all."""

    session_id: str
    message_count: int
    last_activity: str
    current_agent: str


class SessionList(BaseModel):
    """The live sessions, newest activity first."""

    sessions: list[SessionEntry]
    total: int


class CurrentAgent(BaseModel):
    """Which agent is at work in a session."""

    session_id: str
    current_agent: str
    agent_history: list[SwitchEntry]
    switch_count: int


class Done(BaseModel):
    """Whether something was there to be changed."""

    done: bool


class Health(BaseModel):
    """The state of the service."""

    status: str


MessageModel = _documented(Message)
SessionModel = _documented(Session)
StatsModel = _documented(MessageStats)
AgentModel = _documented(Agent)
ContextModel = _documented(AgentContext)
EventModel = _documented(CompactionEvent)
MemoryModel = _documented(Memory)
PlanModel = _documented(CompactionPlan, messages=list[MessageModel])  # type: ignore[valid-type]
RecalledModel = _documented(RecalledMemory, memory=MemoryModel)
MessagePage, AgentPage = _page_of(MessageModel), _page_of(AgentModel)
EventPage, MemoryPage = _page_of(EventModel), _page_of(MemoryModel)


class SearchEntry(BaseModel):
    """A message that was found, the name of its session, and the part of its text where."""

    message: MessageModel  # type: ignore[valid-type]
    session_name: str | None
    snippet: str


class SearchAnswer(BaseModel):
    """What was found, the best first: a page, and next_cursor for the one after it."""

    hits: list[SearchEntry]
    next_cursor: str | None
    has_more: bool


class RecallAnswer(BaseModel):
    """The memories that fit, the best first."""

    memories: list[RecalledModel]  # type: ignore[valid-type]
