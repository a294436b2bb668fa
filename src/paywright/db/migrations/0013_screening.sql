-- Sanctions lists, and what screening customers against them found. New tables only, and an index
-- by which changed customers are found; making it locks `customers` against writes for a moment.
set local lock_timeout = '4s';

-- Every version of every list that was ever put in force.
create table screening_lists (
    id         bigint      primary key generated always as identity,
    name       text        not null check (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    -- Of the entries, however the file wrote them: the first digits of a SHA-256.
    version    text        not null check (version ~ '^[0-9a-f]{12}$'),
    format     text        not null,
    source     text        not null check (length(source) <= 200),
    entries    integer     not null check (entries >= 0),
    damaged    integer     not null check (damaged >= 0),
    is_current boolean     not null,
    loaded_by  text        not null,
    loaded_at  timestamptz not null
);

create unique index screening_lists_current on screening_lists (name) where is_current;

-- What the lists in force hold. A new version replaces only what it changes.
create table screening_entries (
    list       text   not null,
    entry_id   text   not null,
    hash       bytea  not null check (length(hash) = 16),
    -- The first generation that had the entry as it is.
    generation bigint not null,
    data       jsonb  not null,
    primary key (list, entry_id)
);

create index screening_entries_generation on screening_entries (generation);

-- One for each change of any list: what was screened against is named by its number.
create table screening_generations (
    id    bigint      primary key,
    lists jsonb       not null, -- the versions in force, by name
    at    timestamptz not null
);

-- How each customer stands. Derived: whatever is missing is screened again.
create table customer_screenings (
    customer_id text        primary key,
    generation  bigint      not null,
    -- Keyed: that a name has changed shows, the name does not. Null: the customer has none.
    name_hash   bytea,
    -- hit: there are matches that nobody has cleared
    status      text        not null check (status in ('clear', 'hit')),
    -- Entries and scores, those that are not cleared first.
    matches     jsonb       not null,
    -- The latest evidence; null when there never was a match.
    hit_id      uuid,
    at          timestamptz not null
);

create index customer_screenings_generation on customer_screenings (generation);
create index customer_screenings_hits on customer_screenings (hit_id) where status = 'hit';

-- Evidence: what was found, whenever that changed. Kept for ten years (31 CFR 501.601).
create table screening_hits (
    id          uuid        primary key,
    customer_id text        not null,
    generation  bigint      not null,
    lists       jsonb       not null, -- the versions that were searched, by name
    matches     jsonb       not null,
    -- The name that was screened and why it matched, encrypted: both are personal.
    sealed      bytea       not null,
    at          timestamptz not null
);

create index screening_hits_customer on screening_hits (customer_id, id);

create function screening_hits_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'evidence of screening is never changed'
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger screening_hits_append_only before update or delete on screening_hits
    for each row execute function screening_hits_refuse_change();
create trigger screening_hits_no_truncate before truncate on screening_hits
    for each statement execute function screening_hits_refuse_change();

-- Matches that a person found to be somebody else. One holds until the entry or the name changes.
create table cleared_pairs (
    customer_id text        not null,
    list        text        not null,
    entry_id    text        not null,
    entry_hash  bytea       not null,
    name_hash   bytea       not null,
    reason      text        not null check (length(reason) between 1 and 2000),
    cleared_by  text        not null,
    cleared_at  timestamptz not null,
    primary key (customer_id, list, entry_id)
);

-- How far the search for changed customers has come: one row.
create table screening_progress (
    only_row boolean     primary key default true check (only_row),
    seen     timestamptz not null
);

create index customers_updated on customers (updated_at, id);
