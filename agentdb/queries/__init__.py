"""The SQL of agentdb: one module of constants per entity, each loaded when it is first asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.queries import (
        agent_contexts,
        agent_metrics,
        agent_versions,
        agents,
        attachments,
        audit,
        compactions,
        conversations,
        erasure,
        memories,
        memory_accesses,
        memory_annotations,
        memory_embeddings,
        memory_links,
        memory_search,
        memory_transfer,
        message_search,
        messages,
        module_states,
        session_events,
        session_forks,
        session_hierarchy,
        session_logs,
        session_metrics,
        session_search,
        sessions,
        transfer,
    )
    from agentdb.queries import agent_contexts as AgentContextQueries
    from agentdb.queries import agent_metrics as AgentMetricQueries
    from agentdb.queries import agent_versions as AgentVersionQueries
    from agentdb.queries import agents as AgentQueries
    from agentdb.queries import attachments as AttachmentQueries
    from agentdb.queries import audit as AuditQueries
    from agentdb.queries import compactions as CompactionQueries
    from agentdb.queries import conversations as ConversationQueries
    from agentdb.queries import erasure as ErasureQueries
    from agentdb.queries import memories as MemoryQueries
    from agentdb.queries import memory_accesses as MemoryAccessQueries
    from agentdb.queries import memory_annotations as MemoryAnnotationQueries
    from agentdb.queries import memory_embeddings as MemoryEmbeddingQueries
    from agentdb.queries import memory_links as MemoryLinkQueries
    from agentdb.queries import memory_search as MemorySearchQueries
    from agentdb.queries import memory_transfer as MemoryTransferQueries
    from agentdb.queries import message_search as MessageSearchQueries
    from agentdb.queries import messages as MessageQueries
    from agentdb.queries import module_states as ModuleStateQueries
    from agentdb.queries import session_events as SessionEventQueries
    from agentdb.queries import session_forks as SessionForkQueries
    from agentdb.queries import session_hierarchy as SessionHierarchyQueries
    from agentdb.queries import session_logs as SessionLogQueries
    from agentdb.queries import session_metrics as SessionMetricQueries
    from agentdb.queries import session_search as SessionSearchQueries
    from agentdb.queries import sessions as SessionQueries
    from agentdb.queries import transfer as TransferQueries
else:
    _MODULES = {
        "agents": "agents",
        "sessions": "sessions",
        "session_forks": "session_forks",
        "session_logs": "session_logs",
        "messages": "messages",
        "message_search": "message_search",
        "agent_contexts": "agent_contexts",
        "compactions": "compactions",
        "conversations": "conversations",
        "session_hierarchy": "session_hierarchy",
        "session_search": "session_search",
        "session_metrics": "session_metrics",
        "session_events": "session_events",
        "module_states": "module_states",
        "agent_versions": "agent_versions",
        "agent_metrics": "agent_metrics",
        "memories": "memories",
        "memory_accesses": "memory_accesses",
        "memory_annotations": "memory_annotations",
        "memory_embeddings": "memory_embeddings",
        "memory_links": "memory_links",
        "memory_search": "memory_search",
        "memory_transfer": "memory_transfer",
        "audit": "audit",
        "attachments": "attachments",
        "transfer": "transfer",
        "erasure": "erasure",
        "AgentQueries": "agents",
        "SessionQueries": "sessions",
        "SessionForkQueries": "session_forks",
        "SessionLogQueries": "session_logs",
        "MessageQueries": "messages",
        "MessageSearchQueries": "message_search",
        "AgentContextQueries": "agent_contexts",
        "CompactionQueries": "compactions",
        "ConversationQueries": "conversations",
        "SessionHierarchyQueries": "session_hierarchy",
        "SessionSearchQueries": "session_search",
        "SessionMetricQueries": "session_metrics",
        "SessionEventQueries": "session_events",
        "ModuleStateQueries": "module_states",
        "AgentVersionQueries": "agent_versions",
        "AgentMetricQueries": "agent_metrics",
        "MemoryQueries": "memories",
        "MemoryAccessQueries": "memory_accesses",
        "MemoryAnnotationQueries": "memory_annotations",
        "MemoryEmbeddingQueries": "memory_embeddings",
        "MemoryLinkQueries": "memory_links",
        "MemorySearchQueries": "memory_search",
        "MemoryTransferQueries": "memory_transfer",
        "AuditQueries": "audit",
        "AttachmentQueries": "attachments",
        "TransferQueries": "transfer",
        "ErasureQueries": "erasure",
    }

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = globals()[name] = __import__(f"{__name__}.{_MODULES[name]}", fromlist=("",))
        return module

    def __dir__():
        return sorted({*globals(), *_MODULES})


__all__ = [
    "AgentContextQueries",
    "AgentMetricQueries",
    "AgentQueries",
    "AgentVersionQueries",
    "AttachmentQueries",
    "AuditQueries",
    "CompactionQueries",
    "ConversationQueries",
    "ErasureQueries",
    "MemoryAccessQueries",
    "MemoryAnnotationQueries",
    "MemoryEmbeddingQueries",
    "MemoryLinkQueries",
    "MemoryQueries",
    "MemorySearchQueries",
    "MemoryTransferQueries",
    "MessageQueries",
    "MessageSearchQueries",
    "ModuleStateQueries",
    "SessionEventQueries",
    "SessionForkQueries",
    "SessionHierarchyQueries",
    "SessionLogQueries",
    "SessionMetricQueries",
    "SessionQueries",
    "SessionSearchQueries",
    "TransferQueries",
    "agent_contexts",
    "agent_metrics",
    "agent_versions",
    "agents",
    "attachments",
    "audit",
    "compactions",
    "conversations",
    "erasure",
    "memories",
    "memory_accesses",
    "memory_annotations",
    "memory_embeddings",
    "memory_links",
    "memory_search",
    "memory_transfer",
    "message_search",
    "messages",
    "module_states",
    "session_events",
    "session_forks",
    "session_hierarchy",
    "session_logs",
    "session_metrics",
    "session_search",
    "sessions",
    "transfer",
]
