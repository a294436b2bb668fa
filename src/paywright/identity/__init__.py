"""Identity: who calls, and what the caller may do.

Owns    api_keys
Calls   events
Emits   key.created, key.revoked
Always  a key's secret is shown once and never stored; what is not permitted is refused
"""
