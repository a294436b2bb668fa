-- Rate limits that must hold across processes: guesses at passwords and at one-time codes.
set local lock_timeout = '4s';

-- Not logged: after a crash of the server everybody starts with a whole share.
create unlogged table rate_limits (
    -- A digest of what is counted: an address or a login name is nobody's business here.
    name       bytea       primary key check (length(name) = 32),
    -- When the whole share is back.
    empty_at   timestamptz not null,
    -- Whether the last request was let through: how the statement tells its caller.
    is_allowed boolean     not null
)
-- Room on each page for new versions of its rows: they change without touching an index.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
