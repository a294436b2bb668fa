-- 0010_identity.sql  People who sign in, their sessions, the keys that sign access tokens, and
-- scopes of API keys. Expand step: no running code reads this yet. `api_keys` is locked for a
-- moment: a default that is a constant rewrites nothing.
set local lock_timeout = '4s';

create table users (
    id                  uuid        primary key,
    email               bytea       not null,                                   -- encrypted
    email_index         bytea       not null unique check (length(email_index) = 32),
    name                bytea       not null,                                   -- encrypted
    role                text        not null check (role in
                        ('viewer', 'dispatcher', 'approver', 'reviewer', 'operator', 'admin')),
    password_hash       text        not null check (password_hash like '$argon2id$%'),
    status              text        not null default 'active' check (status in ('active', 'disabled')),
    -- Wrong passwords since the last right one, and until when no password is right.
    failed_count        integer     not null default 0 check (failed_count >= 0),
    locked_until        timestamptz,
    created_by          text        not null,
    created_at          timestamptz not null,
    password_changed_at timestamptz not null
);
-- Whether an administrator is left.
create index users_active_admins on users (id) where role = 'admin' and status = 'active';

-- One sign-in: a family of refresh tokens, of which only the newest is good.
create table sessions (
    id           uuid        primary key,
    user_id      uuid        not null references users,
    ip           inet,
    started_at   timestamptz not null,
    refreshed_at timestamptz not null,
    expires_at   timestamptz not null,
    ended_at     timestamptz,
    ended_why    text        check (ended_why in
                 ('signed_out', 'ended_by_admin', 'password_changed', 'user_disabled', 'token_reused')),
    check ((ended_at is null) = (ended_why is null))
);
create index sessions_of_user on sessions (user_id, id) where ended_at is null;
-- What is long over is forgotten.
create index sessions_by_expiry on sessions (expires_at);

create table refresh_tokens (
    -- SHA-256 of the token. It carries 256 random bits, so a slow hash would protect nothing.
    token_hash bytea       primary key check (length(token_hash) = 32),
    session_id uuid        not null references sessions on delete cascade,
    issued_at  timestamptz not null,
    used_at    timestamptz
);
create index refresh_tokens_of_session on refresh_tokens (session_id);

-- What our own access tokens are signed with (ES256).
create table signing_keys (
    kid            text        primary key,
    public_key     text        not null,                                        -- PEM
    private_key    bytea       not null,                                        -- PEM, encrypted
    created_at     timestamptz not null,
    -- Signs no more; verifies until then.
    verifies_until timestamptz
);
create unique index one_signing_key on signing_keys ((true)) where verifies_until is null;

-- Empty: all that the role may do.
alter table api_keys add column scopes text[] not null default '{}';
