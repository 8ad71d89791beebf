"""The triggers of the audit trail, and how migrations keep them true."""
