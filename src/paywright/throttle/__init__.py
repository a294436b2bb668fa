"""Throttle: a fair share for everyone, counted in one process or in all of them.

Owns    rate_limits
Always  a share is taken out whole or not at all; when the shared count cannot be had, each process
        counts for itself

One algorithm, the generic cell rate algorithm, in three places: `model.spend` for one process,
`shared` as a script in Valkey for all of them, `store` as a statement of PostgreSQL for the limits
that must hold whatever else is away (`take_strict`).
"""
