-- How far each subscriber has been told of the event log.
set local lock_timeout = '4s';

create table publishing_cursors (
    sink        text        primary key check (length(sink) between 1 and 64),
    -- The last event that it has acknowledged.
    sequence    bigint      not null,
    failures    integer     not null default 0 check (failures >= 0),
    -- Not asked again before then.
    retry_at    timestamptz,
    last_error  text        check (length(last_error) <= 500),
    delivered_at timestamptz,
    updated_at  timestamptz not null
);
