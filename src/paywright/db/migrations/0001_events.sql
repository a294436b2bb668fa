-- The one append-only log: event store, audit trail and outbox in one table.
set local lock_timeout = '4s';

create sequence events_sequence;

create table events (
    sequence   bigint      not null default nextval('events_sequence'),
    id         uuid        not null,
    at         timestamptz not null,
    type       text        not null check (type ~ '^[a-z_]+\.[a-z_]+$'),
    subject    text        not null,
    actor      text        not null,
    ip         inet,
    request_id text        not null,
    data       jsonb       not null,
    before     jsonb,
    after      jsonb,
    -- A reader that keeps a cursor must not pass a transaction that is still open: it reads only
    -- rows whose `xid` is below `pg_snapshot_xmin(pg_current_snapshot())`.
    xid        xid8        not null default pg_current_xact_id(),
    primary key (sequence, at)
) partition by range (at);

alter sequence events_sequence owned by events.sequence;

-- Serves the history of one subject.
create index events_subject on events (subject, sequence);

create function events_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are append-only: % refused', lower(tg_op)
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger events_append_only before update or delete on events
    for each row execute function events_refuse_change();
create trigger events_no_truncate before truncate on events
    for each statement execute function events_refuse_change();

-- Row triggers follow into partitions by themselves; a truncate trigger does not.
create function events_ensure_partitions(months_ahead integer) returns integer language plpgsql as $$
declare
    month  timestamp := date_trunc('month', now() at time zone 'UTC');
    name   text;
    made   integer := 0;
begin
    for i in 0..months_ahead loop
        name := 'events_' || to_char(month + make_interval(months => i), 'YYYY_MM');
        continue when to_regclass(name) is not null;
        begin
            execute format(
                'create table %I partition of events for values from (%L) to (%L)', name,
                (month + make_interval(months => i)) at time zone 'UTC',
                (month + make_interval(months => i + 1)) at time zone 'UTC');
            execute format(
                'create trigger events_no_truncate before truncate on %I'
                ' for each statement execute function events_refuse_change()', name);
            made := made + 1;
        exception when check_violation then
            -- Rows of that month are in the default partition already, where they stay: the log
            -- does not let them move. The months after it must not suffer.
            raise notice '% stays in the default partition', name;
        end;
    end loop;
    return made;
end $$;

-- Catches what lies outside every month that was prepared, so that no write ever fails for it.
create table events_default partition of events default;
create trigger events_no_truncate before truncate on events_default
    for each statement execute function events_refuse_change();

select events_ensure_partitions(3);

create view event_log as
    select sequence, id, type, subject, data, at from events;
create view audit_log as
    select sequence, at, actor, ip, request_id, type as action, subject, before, after, data
      from events;
create view payment_audit_log as
    select sequence, at, actor, ip, request_id, type as action, subject, before, after, data
      from events
     where subject like 'pay\_%';
