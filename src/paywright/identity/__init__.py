"""Identity: who calls, and what the caller may do.

Owns    api_keys, users, sessions, refresh_tokens, signing_keys
Calls   events, jobs, throttle
Emits   key.created, key.revoked, key.signing_rotated, user.created, user.changed, user.locked,
        session.started, session.ended, session.refused
Always  a key's secret is shown once and never stored, and neither is a password or a token; what
        is not permitted is refused; what was revoked is refused in every process at once; nobody
        hands out permissions that they lack; a key has the person of who made it
"""
