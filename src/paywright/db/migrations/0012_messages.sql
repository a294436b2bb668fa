-- Messages to people: codes by email and SMS.
set local lock_timeout = '4s';

create table messages (
    id          uuid        primary key,
    channel     text        not null check (channel in ('email', 'sms')),
    -- AES-256-GCM, see `crypto`: an address or a phone number.
    recipient   bytea       not null,
    -- The same, subject and text. Null once the message is delivered, or its time is over: it may
    -- hold a code.
    content     bytea,
    purpose     text        not null check (purpose ~ '^[a-z_]{1,32}$'),
    -- Whoever asks twice for the same message is served once.
    dedupe_key  text        not null unique check (length(dedupe_key) between 1 and 200),
    status      text        not null check (status in
                            ('queued', 'sending', 'sent', 'failed', 'expired')),
    attempts    integer     not null default 0 check (attempts >= 0),
    -- When it is of no use any more.
    not_after   timestamptz not null,
    created_at  timestamptz not null,
    sent_at     timestamptz check ((sent_at is not null) = (status = 'sent')),
    -- What the mail server or the SMS provider calls it.
    provider_id text        check (length(provider_id) <= 200),
    error       text        check (length(error) <= 500),
    check (content is not null or status in ('sent', 'failed', 'expired'))
);

-- Serves the sweep that erases what nobody may read any more.
create index messages_unread on messages (not_after)
 where content is not null and status <> 'sent';
