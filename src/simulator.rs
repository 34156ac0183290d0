//! Simulated Azure OpenAI accounts: answers, streams, quotas and faults as the real ones show them.
