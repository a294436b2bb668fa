-- Made by `make schema` from the migrations. To be read, not to be edited.
CREATE TYPE public.pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

CREATE FUNCTION public.accounts_refuse_removal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'accounts are closed, never removed' using errcode = 'integrity_constraint_violation';
end $$;

CREATE FUNCTION public.events_ensure_partitions(months_ahead integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.events_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'events are append-only: % refused', lower(tg_op)
        using errcode = 'integrity_constraint_violation';
end $$;

CREATE FUNCTION public.fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$;

CREATE FUNCTION public.ledger_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'ledger transfers are append-only: % refused', lower(tg_op)
        using errcode = 'integrity_constraint_violation';
end $$;

CREATE FUNCTION public.risk_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'risk assessments are append-only: % refused', lower(tg_op)
        using errcode = 'integrity_constraint_violation';
end $$;

CREATE FUNCTION public.screening_hits_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'evidence of screening is never changed'
        using errcode = 'integrity_constraint_violation';
end $$;

CREATE TABLE public.accounts (
    id uuid NOT NULL,
    code text,
    name text NOT NULL,
    owner text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    may_go_negative boolean NOT NULL,
    status text NOT NULL,
    debits_posted bigint DEFAULT 0 NOT NULL,
    credits_posted bigint DEFAULT 0 NOT NULL,
    debits_pending bigint DEFAULT 0 NOT NULL,
    credits_pending bigint DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    moved_at timestamp with time zone NOT NULL,
    CONSTRAINT accounts_closed_empty CHECK (((status <> 'closed'::text) OR ((debits_posted = credits_posted) AND (debits_pending = 0) AND (credits_pending = 0)))),
    CONSTRAINT accounts_code_check CHECK (((length(code) >= 1) AND (length(code) <= 64))),
    CONSTRAINT accounts_credits_pending_check CHECK ((credits_pending >= 0)),
    CONSTRAINT accounts_credits_posted_check CHECK ((credits_posted >= 0)),
    CONSTRAINT accounts_currency_check CHECK ((length(currency) = 3)),
    CONSTRAINT accounts_debits_pending_check CHECK ((debits_pending >= 0)),
    CONSTRAINT accounts_debits_posted_check CHECK ((debits_posted >= 0)),
    CONSTRAINT accounts_kind_check CHECK ((kind = ANY (ARRAY['asset'::text, 'liability'::text, 'income'::text, 'expense'::text]))),
    CONSTRAINT accounts_name_check CHECK ((length(name) <= 200)),
    CONSTRAINT accounts_owner_check CHECK (((length(owner) >= 1) AND (length(owner) <= 64))),
    CONSTRAINT accounts_status_check CHECK ((status = ANY (ARRAY['active'::text, 'frozen'::text, 'closed'::text]))),
    CONSTRAINT accounts_stay_positive CHECK ((may_go_negative OR
CASE
    WHEN (kind = ANY (ARRAY['asset'::text, 'expense'::text])) THEN ((credits_posted + credits_pending) <= debits_posted)
    ELSE ((debits_posted + debits_pending) <= credits_posted)
END))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.05');

CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    secret_hash bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    person text,
    CONSTRAINT api_keys_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT api_keys_person_check CHECK (((length(person) >= 1) AND (length(person) <= 200))),
    CONSTRAINT api_keys_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'dispatcher'::text, 'approver'::text, 'reviewer'::text, 'operator'::text, 'admin'::text]))),
    CONSTRAINT api_keys_secret_hash_check CHECK ((length(secret_hash) = 32))
);

CREATE TABLE public.approval_delegations (
    id uuid NOT NULL,
    delegator text NOT NULL,
    delegate text NOT NULL,
    role text NOT NULL,
    amount_max_minor bigint,
    currency text,
    reason text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_by text,
    CONSTRAINT approval_delegations_amount_max_minor_check CHECK ((amount_max_minor > 0)),
    CONSTRAINT approval_delegations_check CHECK ((delegator <> delegate)),
    CONSTRAINT approval_delegations_check1 CHECK ((starts_at < expires_at)),
    CONSTRAINT approval_delegations_check2 CHECK (((amount_max_minor IS NULL) = (currency IS NULL))),
    CONSTRAINT approval_delegations_check3 CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
    CONSTRAINT approval_delegations_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT approval_delegations_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 500)))
);

CREATE TABLE public.approvals (
    id uuid NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    content_hash bytea NOT NULL,
    person text NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    principal text NOT NULL,
    delegation_id uuid,
    comment text,
    at timestamp with time zone NOT NULL,
    policy_version text NOT NULL,
    carried_from uuid,
    CONSTRAINT approvals_comment_check CHECK ((length(comment) <= 500)),
    CONSTRAINT approvals_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT approvals_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['payment'::text, 'vendor_change'::text])))
);

CREATE TABLE public.events (
    sequence bigint NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    actor text NOT NULL,
    ip inet,
    request_id text NOT NULL,
    data jsonb NOT NULL,
    before jsonb,
    after jsonb,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT events_type_check CHECK ((type ~~ '_%._%'::text))
)
PARTITION BY RANGE (at);

CREATE VIEW public.audit_log AS
 SELECT sequence,
    at,
    actor,
    ip,
    request_id,
    type AS action,
    subject,
    before,
    after,
    data
   FROM public.events;

CREATE TABLE public.challenge_subjects (
    kind text NOT NULL,
    id text NOT NULL,
    wrong_at timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    locked_until timestamp with time zone,
    CONSTRAINT challenge_subjects_kind_check CHECK ((kind = ANY (ARRAY['customer'::text, 'user'::text]))),
    CONSTRAINT challenge_subjects_wrong_at_check CHECK ((cardinality(wrong_at) <= 10))
);

CREATE TABLE public.challenges (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    method text NOT NULL,
    channel text,
    status text NOT NULL,
    binding bytea NOT NULL,
    code_hash bytea,
    recipient bytea,
    tries_left smallint NOT NULL,
    resends_left smallint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT challenges_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text]))),
    CONSTRAINT challenges_check CHECK ((expires_at <= (created_at + '00:15:00'::interval))),
    CONSTRAINT challenges_check1 CHECK (((closed_at IS NULL) = (status = 'open'::text))),
    CONSTRAINT challenges_check2 CHECK (((method = 'otp'::text) = (channel IS NOT NULL))),
    CONSTRAINT challenges_check3 CHECK ((((method = 'otp'::text) AND (status = 'open'::text)) = (code_hash IS NOT NULL))),
    CONSTRAINT challenges_check4 CHECK (((code_hash IS NULL) = (recipient IS NULL))),
    CONSTRAINT challenges_method_check CHECK ((method = ANY (ARRAY['otp'::text, 'totp'::text]))),
    CONSTRAINT challenges_resends_left_check CHECK (((resends_left >= 0) AND (resends_left <= 3))),
    CONSTRAINT challenges_status_check CHECK ((status = ANY (ARRAY['open'::text, 'passed'::text, 'locked'::text, 'expired'::text, 'void'::text]))),
    CONSTRAINT challenges_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['customer'::text, 'user'::text]))),
    CONSTRAINT challenges_tries_left_check CHECK (((tries_left >= 0) AND (tries_left <= 5)))
);

CREATE TABLE public.cleared_pairs (
    customer_id text NOT NULL,
    list text NOT NULL,
    entry_id text NOT NULL,
    entry_hash bytea NOT NULL,
    name_hash bytea NOT NULL,
    reason text NOT NULL,
    cleared_by text NOT NULL,
    cleared_at timestamp with time zone NOT NULL,
    CONSTRAINT cleared_pairs_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 2000)))
);

CREATE TABLE public.customer_screenings (
    customer_id text NOT NULL,
    generation bigint NOT NULL,
    name_hash bytea,
    status text NOT NULL,
    matches jsonb NOT NULL,
    hit_id uuid,
    at timestamp with time zone NOT NULL,
    CONSTRAINT customer_screenings_status_check CHECK ((status = ANY (ARRAY['clear'::text, 'hit'::text])))
);

CREATE TABLE public.customers (
    id text NOT NULL,
    name bytea,
    email bytea,
    phone bytea,
    email_index bytea,
    country text,
    customer_since timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT customers_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT customers_id_check CHECK ((id ~ '^[A-Za-z0-9_-]{1,64}$'::text))
);

CREATE TABLE public.decisions (
    id uuid NOT NULL,
    issue_id uuid NOT NULL,
    action text NOT NULL,
    confidence smallint NOT NULL,
    reasoning text NOT NULL,
    policy_applied text NOT NULL,
    policy_version text NOT NULL,
    engine text NOT NULL,
    routing text NOT NULL,
    inputs jsonb NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    CONSTRAINT decisions_action_check CHECK ((action = ANY (ARRAY['approve_retry'::text, 'approve_refund'::text, 'send_reminder'::text, 'reject'::text, 'escalate'::text]))),
    CONSTRAINT decisions_confidence_check CHECK (((confidence >= 0) AND (confidence <= 100))),
    CONSTRAINT decisions_engine_check CHECK ((engine = ANY (ARRAY['rules'::text, 'ai'::text]))),
    CONSTRAINT decisions_routing_check CHECK ((routing = ANY (ARRAY['auto_resolve'::text, 'human_review'::text, 'escalate'::text])))
);

CREATE TABLE public.encryption_proofs (
    key_id text NOT NULL,
    proof bytea NOT NULL
);

CREATE VIEW public.event_log AS
 SELECT sequence,
    id,
    type,
    subject,
    data,
    at
   FROM public.events;

CREATE SEQUENCE public.events_sequence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.events_sequence OWNED BY public.events.sequence;

CREATE TABLE public.events_default (
    sequence bigint DEFAULT nextval('public.events_sequence'::regclass) CONSTRAINT events_sequence_not_null NOT NULL,
    id uuid CONSTRAINT events_id_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT events_at_not_null NOT NULL,
    type text CONSTRAINT events_type_not_null NOT NULL,
    subject text CONSTRAINT events_subject_not_null NOT NULL,
    actor text CONSTRAINT events_actor_not_null NOT NULL,
    ip inet,
    request_id text CONSTRAINT events_request_id_not_null NOT NULL,
    data jsonb CONSTRAINT events_data_not_null NOT NULL,
    before jsonb,
    after jsonb,
    xid xid8 DEFAULT pg_current_xact_id() CONSTRAINT events_xid_not_null NOT NULL,
    CONSTRAINT events_type_check CHECK ((type ~~ '_%._%'::text))
);

CREATE TABLE public.idempotency_keys (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    is_recipe boolean DEFAULT false NOT NULL,
    CONSTRAINT idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);
ALTER TABLE ONLY public.idempotency_keys ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE public.incidents (
    id text NOT NULL,
    status text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT incidents_check CHECK (((status = 'closed'::text) = (closed_at IS NOT NULL))),
    CONSTRAINT incidents_id_check CHECK ((id ~ '^[A-Za-z0-9_.:-]{1,64}$'::text)),
    CONSTRAINT incidents_status_check CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text])))
);

CREATE TABLE public.issue_actions (
    id uuid NOT NULL,
    issue_id uuid NOT NULL,
    action text NOT NULL,
    source text NOT NULL,
    status text NOT NULL,
    parameters jsonb NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT issue_actions_action_check CHECK ((action = ANY (ARRAY['approve_retry'::text, 'approve_refund'::text, 'send_reminder'::text, 'reject'::text, 'escalate'::text]))),
    CONSTRAINT issue_actions_source_check CHECK ((source = ANY (ARRAY['machine'::text, 'review'::text]))),
    CONSTRAINT issue_actions_status_check CHECK ((status = ANY (ARRAY['requested'::text, 'done'::text, 'failed'::text])))
);

CREATE TABLE public.issues (
    id uuid NOT NULL,
    type text NOT NULL,
    status text NOT NULL,
    priority text NOT NULL,
    customer_id text NOT NULL,
    transaction_id text NOT NULL,
    details jsonb NOT NULL,
    opened_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    processing_since timestamp with time zone,
    failure_reason text,
    resolved_at timestamp with time zone,
    CONSTRAINT issues_check CHECK (((status = 'processing'::text) = (processing_since IS NOT NULL))),
    CONSTRAINT issues_check1 CHECK (((status = 'failed'::text) = (failure_reason IS NOT NULL))),
    CONSTRAINT issues_check2 CHECK (((status = 'resolved'::text) = (resolved_at IS NOT NULL))),
    CONSTRAINT issues_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'normal'::text, 'high'::text, 'critical'::text]))),
    CONSTRAINT issues_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'awaiting_review'::text, 'resolved'::text, 'failed'::text]))),
    CONSTRAINT issues_type_check CHECK ((type = ANY (ARRAY['decline'::text, 'missed_installment'::text, 'dispute'::text, 'refund_request'::text, 'payment_review'::text, 'reconciliation'::text])))
);

CREATE TABLE public.kyc_checks (
    id uuid NOT NULL,
    customer_id text NOT NULL,
    provider text NOT NULL,
    provider_reference text,
    status text NOT NULL,
    reason text,
    subject_index bytea NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    requested_by text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    ask_at timestamp with time zone,
    decided_at timestamp with time zone,
    decided_by text,
    expires_at timestamp with time zone,
    CONSTRAINT kyc_checks_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT kyc_checks_check CHECK (((status = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT kyc_checks_check1 CHECK (((status = 'pending'::text) = (ask_at IS NOT NULL))),
    CONSTRAINT kyc_checks_check2 CHECK (((status = 'verified'::text) = (expires_at IS NOT NULL))),
    CONSTRAINT kyc_checks_reason_check CHECK ((length(reason) <= 500)),
    CONSTRAINT kyc_checks_status_check CHECK ((status = ANY (ARRAY['unverified'::text, 'pending'::text, 'verified'::text, 'rejected'::text]))),
    CONSTRAINT kyc_checks_subject_index_check CHECK ((length(subject_index) = 32))
);

CREATE TABLE public.kyc_standings (
    customer_id text NOT NULL,
    status text NOT NULL,
    since timestamp with time zone NOT NULL,
    check_id uuid,
    expires_at timestamp with time zone,
    subject_index bytea,
    CONSTRAINT kyc_standings_check CHECK (((status = 'verified'::text) = (expires_at IS NOT NULL))),
    CONSTRAINT kyc_standings_check1 CHECK (((status = 'verified'::text) = (subject_index IS NOT NULL))),
    CONSTRAINT kyc_standings_status_check CHECK ((status = ANY (ARRAY['unverified'::text, 'pending'::text, 'verified'::text, 'rejected'::text])))
);

CREATE TABLE public.ledger_transfers (
    id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    debit_account_id uuid NOT NULL,
    credit_account_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    held_minor bigint NOT NULL,
    debit_balance bigint NOT NULL,
    debit_available bigint NOT NULL,
    credit_balance bigint NOT NULL,
    credit_available bigint NOT NULL,
    hold_id uuid,
    expires_at timestamp with time zone,
    kind text NOT NULL,
    currency text NOT NULL,
    description text,
    CONSTRAINT ledger_transfers_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT ledger_transfers_check CHECK ((debit_account_id <> credit_account_id)),
    CONSTRAINT ledger_transfers_check1 CHECK (((hold_id IS NOT NULL) = (kind = ANY (ARRAY['post_hold'::text, 'release_hold'::text, 'expire_hold'::text])))),
    CONSTRAINT ledger_transfers_check2 CHECK (((expires_at IS NULL) OR (kind = 'hold'::text))),
    CONSTRAINT ledger_transfers_check3 CHECK (
CASE kind
    WHEN 'post'::text THEN (held_minor = 0)
    WHEN 'hold'::text THEN (held_minor = amount_minor)
    ELSE ((held_minor < 0) AND (amount_minor <= (- held_minor)))
END),
    CONSTRAINT ledger_transfers_kind_check CHECK ((kind = ANY (ARRAY['post'::text, 'hold'::text, 'post_hold'::text, 'release_hold'::text, 'expire_hold'::text])))
);

CREATE TABLE public.messages (
    id uuid NOT NULL,
    channel text NOT NULL,
    recipient bytea NOT NULL,
    content bytea,
    purpose text NOT NULL,
    dedupe_key text NOT NULL,
    status text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    not_after timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    provider_id text,
    error text,
    CONSTRAINT messages_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT messages_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text]))),
    CONSTRAINT messages_check CHECK (((sent_at IS NOT NULL) = (status = 'sent'::text))),
    CONSTRAINT messages_check1 CHECK (((content IS NOT NULL) OR (status = ANY (ARRAY['sent'::text, 'failed'::text, 'expired'::text])))),
    CONSTRAINT messages_dedupe_key_check CHECK (((length(dedupe_key) >= 1) AND (length(dedupe_key) <= 200))),
    CONSTRAINT messages_error_check CHECK ((length(error) <= 500)),
    CONSTRAINT messages_provider_id_check CHECK ((length(provider_id) <= 200)),
    CONSTRAINT messages_purpose_check CHECK ((purpose ~ '^[a-z_]{1,32}$'::text)),
    CONSTRAINT messages_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'sending'::text, 'sent'::text, 'failed'::text, 'expired'::text])))
);

CREATE TABLE public.open_holds (
    id uuid NOT NULL,
    debit_account_id uuid NOT NULL,
    credit_account_id uuid NOT NULL,
    expires_at timestamp with time zone
);

CREATE VIEW public.payment_audit_log AS
 SELECT sequence,
    at,
    actor,
    ip,
    request_id,
    type AS action,
    subject,
    before,
    after,
    data
   FROM public.events
  WHERE (subject ~~ 'pay\_%'::text);

CREATE TABLE public.payment_run_reports (
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    message_id text NOT NULL,
    file_hash bytea NOT NULL,
    group_status text,
    settled integer NOT NULL,
    failed integer NOT NULL,
    pending integer NOT NULL,
    unchanged integer NOT NULL,
    unmatched jsonb NOT NULL,
    contradicting jsonb NOT NULL,
    received_by text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT payment_run_reports_file_hash_check CHECK ((length(file_hash) = 32))
);

CREATE TABLE public.payment_run_slots (
    slot_at timestamp with time zone NOT NULL
);

CREATE TABLE public.payment_runs (
    id uuid NOT NULL,
    method text NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    payments integer NOT NULL,
    amount_minor bigint NOT NULL,
    execution_date date NOT NULL,
    message_id text NOT NULL,
    file_hash bytea,
    debtor_name text,
    debtor_iban text,
    debtor_bic text,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone,
    completed_at timestamp with time zone,
    CONSTRAINT payment_runs_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT payment_runs_check CHECK (((method = 'file'::text) = (debtor_iban IS NOT NULL))),
    CONSTRAINT payment_runs_check1 CHECK (((debtor_name IS NULL) = (debtor_iban IS NULL))),
    CONSTRAINT payment_runs_check2 CHECK (((status = ANY (ARRAY['released'::text, 'completed'::text])) = (released_at IS NOT NULL))),
    CONSTRAINT payment_runs_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT payment_runs_file_hash_check CHECK ((length(file_hash) = 32)),
    CONSTRAINT payment_runs_message_id_check CHECK (((length(message_id) >= 1) AND (length(message_id) <= 35))),
    CONSTRAINT payment_runs_method_check CHECK ((method = ANY (ARRAY['provider'::text, 'file'::text]))),
    CONSTRAINT payment_runs_payments_check CHECK ((payments > 0)),
    CONSTRAINT payment_runs_status_check CHECK ((status = ANY (ARRAY['collected'::text, 'released'::text, 'completed'::text, 'canceled'::text])))
);

CREATE TABLE public.payments (
    id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    reference text,
    customer_id text,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    provider text,
    failure_code text,
    description text,
    created_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    debit_account_id uuid,
    credit_account_id uuid,
    beneficiary bytea,
    provider_reference text,
    payment_method text,
    settled_at timestamp with time zone,
    request_key text,
    vendor_id text,
    incident_id text,
    payer_type text,
    CONSTRAINT payments_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT payments_currency_check CHECK ((length(currency) = 3)),
    CONSTRAINT payments_kind_check CHECK ((kind = ANY (ARRAY['transfer'::text, 'vendor_payment'::text, 'charge'::text]))),
    CONSTRAINT payments_payment_method_check CHECK (((length(payment_method) >= 1) AND (length(payment_method) <= 100))),
    CONSTRAINT payments_provider_reference_check CHECK ((length(provider_reference) <= 200)),
    CONSTRAINT payments_reference_check CHECK ((reference ~ '^[A-Za-z0-9_.:-]{1,64}$'::text)),
    CONSTRAINT payments_request_key_check CHECK (((length(request_key) >= 1) AND (length(request_key) <= 255))),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending_approval'::text, 'requires_otp'::text, 'processing'::text, 'unknown'::text, 'succeeded'::text, 'failed'::text, 'declined'::text, 'rejected'::text, 'canceled'::text, 'refunded'::text, 'partially_refunded'::text, 'disputed'::text]))),
    CONSTRAINT payments_transfer_accounts CHECK (((kind <> 'transfer'::text) OR ((debit_account_id IS NOT NULL) AND (credit_account_id IS NOT NULL))))
);

CREATE VIEW public.payment_summary AS
 SELECT kind,
    status,
    currency,
    count(*) AS payments,
    sum(amount_minor) AS amount_minor,
    min(created_at) AS oldest_at,
    max(created_at) AS newest_at
   FROM public.payments
  GROUP BY kind, status, currency;

CREATE TABLE public.payment_transitions (
    payment_id uuid NOT NULL,
    seq smallint NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT payment_transitions_check CHECK ((before <> after)),
    CONSTRAINT payment_transitions_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 100))),
    CONSTRAINT payment_transitions_seq_check CHECK ((seq > 0))
);

CREATE TABLE public.vendor_payments (
    payment_id uuid NOT NULL,
    created_by text NOT NULL,
    makers text[] NOT NULL,
    lines jsonb NOT NULL,
    metadata jsonb NOT NULL,
    work_order text,
    bill_number text,
    family_key bigint,
    bill_date date,
    due_date date,
    content_hash bytea NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    payout_version integer NOT NULL,
    resembles uuid,
    override_reason text,
    approvals_needed smallint NOT NULL,
    is_high_risk boolean DEFAULT false NOT NULL,
    rejected_why text,
    approved_at timestamp with time zone,
    release_at timestamp with time zone,
    released_at timestamp with time zone,
    run_id uuid,
    replaces uuid,
    attempt smallint DEFAULT 1 NOT NULL,
    reminded_at timestamp with time zone,
    CONSTRAINT vendor_payments_approvals_needed_check CHECK ((approvals_needed > 0)),
    CONSTRAINT vendor_payments_attempt_check CHECK (((attempt >= 1) AND (attempt <= 100))),
    CONSTRAINT vendor_payments_bill_number_check CHECK (((length(bill_number) >= 1) AND (length(bill_number) <= 64))),
    CONSTRAINT vendor_payments_check CHECK (((resembles IS NULL) = (override_reason IS NULL))),
    CONSTRAINT vendor_payments_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT vendor_payments_makers_check CHECK ((cardinality(makers) > 0)),
    CONSTRAINT vendor_payments_override_reason_check CHECK (((length(override_reason) >= 1) AND (length(override_reason) <= 500))),
    CONSTRAINT vendor_payments_payout_version_check CHECK ((payout_version > 0)),
    CONSTRAINT vendor_payments_rejected_why_check CHECK (((length(rejected_why) >= 1) AND (length(rejected_why) <= 500))),
    CONSTRAINT vendor_payments_revision_check CHECK ((revision > 0)),
    CONSTRAINT vendor_payments_work_order_check CHECK (((length(work_order) >= 1) AND (length(work_order) <= 64)))
);

CREATE TABLE public.vendors (
    id text NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    status_reason text,
    payout bytea NOT NULL,
    payout_masked text NOT NULL,
    payout_index bytea NOT NULL,
    payout_version integer DEFAULT 1 NOT NULL,
    payout_changed_at timestamp with time zone NOT NULL,
    paused_until timestamp with time zone,
    payout_mode text DEFAULT 'immediate'::text NOT NULL,
    terms_days integer,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT vendors_id_check CHECK ((id ~ '^[A-Za-z0-9_-]{1,64}$'::text)),
    CONSTRAINT vendors_name_check CHECK (((length(name) >= 1) AND (length(name) <= 140))),
    CONSTRAINT vendors_payout_mode_check CHECK ((payout_mode = ANY (ARRAY['immediate'::text, 'run'::text]))),
    CONSTRAINT vendors_payout_version_check CHECK ((payout_version > 0)),
    CONSTRAINT vendors_status_check CHECK ((status = ANY (ARRAY['active'::text, 'blocked'::text]))),
    CONSTRAINT vendors_status_reason_check CHECK (((length(status_reason) >= 1) AND (length(status_reason) <= 500))),
    CONSTRAINT vendors_terms_days_check CHECK (((terms_days >= 0) AND (terms_days <= 365)))
);

CREATE VIEW public.pending_approvals AS
 SELECT payments.id,
    payments.vendor_id,
    payments.incident_id,
    payments.payer_type,
    payments.amount_minor,
    payments.currency,
    payments.created_at,
    (now() - payments.created_at) AS age,
    vendor_payments.created_by,
    vendor_payments.bill_number,
    vendor_payments.due_date,
    vendor_payments.approvals_needed,
    vendor_payments.is_high_risk,
    COALESCE((vendors.payout_version <> vendor_payments.payout_version), false) AS is_stale,
        CASE
            WHEN (vendors.payout_version <> vendor_payments.payout_version) THEN (0)::bigint
            ELSE ( SELECT count(*) AS count
               FROM public.approvals
              WHERE ((approvals.subject_id = payments.id) AND (approvals.content_hash = vendor_payments.content_hash)))
        END AS approvals_given,
    vendor_payments.makers,
    vendor_payments.content_hash
   FROM ((public.payments
     CROSS JOIN LATERAL ( SELECT vendor_payments_1.payment_id,
            vendor_payments_1.created_by,
            vendor_payments_1.makers,
            vendor_payments_1.lines,
            vendor_payments_1.metadata,
            vendor_payments_1.work_order,
            vendor_payments_1.bill_number,
            vendor_payments_1.family_key,
            vendor_payments_1.bill_date,
            vendor_payments_1.due_date,
            vendor_payments_1.content_hash,
            vendor_payments_1.revision,
            vendor_payments_1.payout_version,
            vendor_payments_1.resembles,
            vendor_payments_1.override_reason,
            vendor_payments_1.approvals_needed,
            vendor_payments_1.is_high_risk,
            vendor_payments_1.rejected_why,
            vendor_payments_1.approved_at,
            vendor_payments_1.release_at,
            vendor_payments_1.released_at,
            vendor_payments_1.run_id,
            vendor_payments_1.replaces,
            vendor_payments_1.attempt,
            vendor_payments_1.reminded_at
           FROM public.vendor_payments vendor_payments_1
          WHERE (vendor_payments_1.payment_id = payments.id)
         LIMIT 1) vendor_payments)
     LEFT JOIN LATERAL ( SELECT vendors_1.payout_version
           FROM public.vendors vendors_1
          WHERE (vendors_1.id = payments.vendor_id)
         LIMIT 1) vendors ON (true))
  WHERE (payments.status = 'pending_approval'::text);

CREATE TABLE public.pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');

CREATE SEQUENCE public.pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_id_seq OWNED BY public.pgqueuer.id;

CREATE TABLE public.pgqueuer_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status public.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

ALTER TABLE public.pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status public.pgqueuer_status DEFAULT 'queued'::public.pgqueuer_status
);

CREATE SEQUENCE public.pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_schedules_id_seq OWNED BY public.pgqueuer_schedules.id;

CREATE TABLE public.pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

CREATE SEQUENCE public.pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_statistics_id_seq OWNED BY public.pgqueuer_statistics.id;

CREATE TABLE public.provider_attempts (
    payment_id uuid CONSTRAINT payment_attempts_payment_id_not_null NOT NULL,
    seq smallint CONSTRAINT payment_attempts_seq_not_null NOT NULL,
    provider text CONSTRAINT payment_attempts_provider_not_null NOT NULL,
    call text CONSTRAINT payment_attempts_call_not_null NOT NULL,
    started_at timestamp with time zone CONSTRAINT payment_attempts_started_at_not_null NOT NULL,
    ended_at timestamp with time zone,
    outcome text,
    code text,
    operation_id uuid NOT NULL,
    kind text NOT NULL,
    breaker text NOT NULL,
    latency_ms integer,
    CONSTRAINT payment_attempts_call_check CHECK ((call = ANY (ARRAY['submit'::text, 'look_up'::text]))),
    CONSTRAINT payment_attempts_check CHECK (((ended_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT payment_attempts_code_check CHECK ((length(code) <= 100)),
    CONSTRAINT payment_attempts_seq_check CHECK ((seq > 0)),
    CONSTRAINT provider_attempts_breaker_check CHECK ((breaker = ANY (ARRAY['closed'::text, 'half_open'::text]))),
    CONSTRAINT provider_attempts_kind_check CHECK ((kind = ANY (ARRAY['payout'::text, 'charge'::text, 'refund'::text]))),
    CONSTRAINT provider_attempts_latency_ms_check CHECK ((latency_ms >= 0)),
    CONSTRAINT provider_attempts_outcome_check CHECK ((outcome = ANY (ARRAY['approved'::text, 'declined'::text, 'pending'::text, 'not_found'::text, 'lost'::text, 'unsent'::text])))
);

CREATE TABLE public.provider_breakers (
    provider text NOT NULL,
    state text NOT NULL,
    generation bigint DEFAULT 0 NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    forced text,
    forced_by text,
    forced_why text,
    open_until timestamp with time zone,
    openings integer DEFAULT 0 NOT NULL,
    failures_in_a_row integer DEFAULT 0 NOT NULL,
    window_at timestamp with time zone NOT NULL,
    calls integer[] DEFAULT '{}'::integer[] NOT NULL,
    failures integer[] DEFAULT '{}'::integer[] NOT NULL,
    probes_until timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    probes_passed integer DEFAULT 0 NOT NULL,
    drain_at timestamp with time zone,
    CONSTRAINT provider_breakers_check CHECK (((forced IS NULL) = (forced_by IS NULL))),
    CONSTRAINT provider_breakers_check1 CHECK (((forced IS NULL) OR (state = forced))),
    CONSTRAINT provider_breakers_check2 CHECK (((state <> 'open'::text) OR (open_until IS NOT NULL) OR (forced = 'open'::text))),
    CONSTRAINT provider_breakers_check3 CHECK ((cardinality(calls) = cardinality(failures))),
    CONSTRAINT provider_breakers_failures_in_a_row_check CHECK ((failures_in_a_row >= 0)),
    CONSTRAINT provider_breakers_forced_check CHECK ((forced = ANY (ARRAY['open'::text, 'closed'::text]))),
    CONSTRAINT provider_breakers_forced_why_check CHECK ((length(forced_why) <= 500)),
    CONSTRAINT provider_breakers_openings_check CHECK ((openings >= 0)),
    CONSTRAINT provider_breakers_probes_passed_check CHECK ((probes_passed >= 0)),
    CONSTRAINT provider_breakers_provider_check CHECK (((length(provider) >= 1) AND (length(provider) <= 24))),
    CONSTRAINT provider_breakers_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text])))
)
WITH (fillfactor='10');

CREATE TABLE public.publishing_cursors (
    sink text NOT NULL,
    sequence bigint NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    last_error text,
    delivered_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT publishing_cursors_failures_check CHECK ((failures >= 0)),
    CONSTRAINT publishing_cursors_last_error_check CHECK ((length(last_error) <= 500)),
    CONSTRAINT publishing_cursors_sink_check CHECK (((length(sink) >= 1) AND (length(sink) <= 64)))
);

CREATE UNLOGGED TABLE public.rate_limits (
    name bytea NOT NULL,
    empty_at timestamp with time zone NOT NULL,
    is_allowed boolean NOT NULL,
    CONSTRAINT rate_limits_name_check CHECK ((length(name) = 32))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.05');

CREATE TABLE public.reconciliation_items (
    reconciliation_id uuid NOT NULL,
    seq bigint NOT NULL,
    outcome text NOT NULL,
    kind text NOT NULL,
    key text,
    operation_id uuid,
    payment_id uuid,
    our_status text,
    our_reference text,
    our_amount_minor bigint,
    our_currency text,
    our_at timestamp with time zone,
    their_reference text,
    their_amount_minor bigint,
    their_currency text,
    their_at timestamp with time zone,
    CONSTRAINT reconciliation_items_kind_check CHECK ((kind = ANY (ARRAY['payout'::text, 'charge'::text, 'refund'::text]))),
    CONSTRAINT reconciliation_items_outcome_check CHECK ((outcome = ANY (ARRAY['missing_here'::text, 'missing_there'::text, 'different_amount'::text, 'duplicate_there'::text]))),
    CONSTRAINT reconciliation_items_seq_check CHECK ((seq > 0))
);

CREATE UNLOGGED TABLE public.reconciliation_lines (
    reconciliation_id uuid NOT NULL,
    attempt bigint NOT NULL,
    side text NOT NULL,
    "position" bigint NOT NULL,
    kind text NOT NULL,
    key text,
    reference text,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    at timestamp with time zone,
    operation_id uuid,
    payment_id uuid,
    status text
);

CREATE UNLOGGED TABLE public.reconciliation_pairs (
    reconciliation_id uuid NOT NULL,
    theirs bigint NOT NULL,
    ours bigint NOT NULL,
    rank smallint NOT NULL,
    is_pair boolean NOT NULL
);

CREATE UNLOGGED TABLE public.reconciliation_verdicts (
    reconciliation_id uuid NOT NULL,
    outcome text NOT NULL,
    theirs bigint,
    ours bigint
);

CREATE TABLE public.reconciliations (
    id uuid NOT NULL,
    provider text NOT NULL,
    day date NOT NULL,
    source text NOT NULL,
    state text NOT NULL,
    is_scheduled boolean DEFAULT false NOT NULL,
    is_queued boolean NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    lines_read bigint DEFAULT 0 NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    failure text,
    outcomes jsonb DEFAULT '{}'::jsonb NOT NULL,
    totals jsonb DEFAULT '[]'::jsonb NOT NULL,
    differences bigint DEFAULT 0 NOT NULL,
    digest text,
    CONSTRAINT reconciliations_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT reconciliations_check CHECK (((state = 'running'::text) = (ended_at IS NULL))),
    CONSTRAINT reconciliations_check1 CHECK (((state = 'failed'::text) = (failure IS NOT NULL))),
    CONSTRAINT reconciliations_check2 CHECK (((state = 'completed'::text) = (digest IS NOT NULL))),
    CONSTRAINT reconciliations_differences_check CHECK ((differences >= 0)),
    CONSTRAINT reconciliations_failure_check CHECK ((length(failure) <= 500)),
    CONSTRAINT reconciliations_lines_read_check CHECK ((lines_read >= 0)),
    CONSTRAINT reconciliations_provider_check CHECK (((length(provider) >= 1) AND (length(provider) <= 24))),
    CONSTRAINT reconciliations_source_check CHECK ((source = ANY (ARRAY['provider'::text, 'file'::text]))),
    CONSTRAINT reconciliations_state_check CHECK ((state = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text])))
);

CREATE TABLE public.refresh_tokens (
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT refresh_tokens_token_hash_check CHECK ((length(token_hash) = 32))
);

CREATE TABLE public.refunds (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    status text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    reason text,
    failure_code text,
    provider text NOT NULL,
    provider_reference text,
    request_key text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    CONSTRAINT refunds_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT refunds_currency_check CHECK ((length(currency) = 3)),
    CONSTRAINT refunds_failure_code_check CHECK ((length(failure_code) <= 100)),
    CONSTRAINT refunds_provider_reference_check CHECK ((length(provider_reference) <= 200)),
    CONSTRAINT refunds_reason_check CHECK ((length(reason) <= 200)),
    CONSTRAINT refunds_request_key_check CHECK (((length(request_key) >= 1) AND (length(request_key) <= 255))),
    CONSTRAINT refunds_status_check CHECK ((status = ANY (ARRAY['processing'::text, 'unknown'::text, 'succeeded'::text, 'failed'::text])))
);

CREATE VIEW public.report_approved AS
 SELECT payments.id,
    payments.vendor_id,
    payments.currency,
    payments.created_at,
    vendor_payments.approved_at
   FROM (public.vendor_payments
     JOIN public.payments ON ((payments.id = vendor_payments.payment_id)))
  WHERE ((vendor_payments.approved_at IS NOT NULL) AND (vendor_payments.replaces IS NULL));

CREATE VIEW public.report_costs AS
 SELECT id,
    incident_id,
    vendor_id,
    currency,
    amount_minor,
    created_at,
    (settled_at IS NOT NULL) AS is_paid
   FROM public.payments
  WHERE ((kind = 'vendor_payment'::text) AND (incident_id IS NOT NULL) AND ((settled_at IS NOT NULL) OR (status = ANY (ARRAY['pending_approval'::text, 'processing'::text, 'unknown'::text]))));

CREATE VIEW public.report_payouts AS
 SELECT payments.id,
    payments.vendor_id,
    payments.payer_type,
    payments.currency,
    payments.amount_minor,
    true AS is_paid,
    payments.settled_at AS ended_at
   FROM public.payments
  WHERE ((payments.kind = 'vendor_payment'::text) AND (payments.settled_at IS NOT NULL))
UNION ALL
 SELECT payments.id,
    payments.vendor_id,
    payments.payer_type,
    payments.currency,
    payments.amount_minor,
    false AS is_paid,
    payment_transitions.at AS ended_at
   FROM (public.payments
     JOIN public.payment_transitions ON (((payment_transitions.payment_id = payments.id) AND (payment_transitions.after = 'failed'::text))))
  WHERE ((payments.kind = 'vendor_payment'::text) AND (payments.status = 'failed'::text) AND (payments.settled_at IS NULL));

CREATE VIEW public.report_pending AS
 SELECT id,
    vendor_id,
    currency,
    amount_minor,
    created_at
   FROM public.payments
  WHERE ((kind = 'vendor_payment'::text) AND (status = 'pending_approval'::text));

CREATE TABLE public.reviews (
    id uuid NOT NULL,
    issue_id uuid NOT NULL,
    decision text NOT NULL,
    outcome text NOT NULL,
    machine_action text NOT NULL,
    action text,
    comment text,
    reviewer text NOT NULL,
    reviewed_at timestamp with time zone NOT NULL,
    CONSTRAINT reviews_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'modify'::text, 'reject'::text]))),
    CONSTRAINT reviews_outcome_check CHECK ((outcome = ANY (ARRAY['agreed'::text, 'modified'::text, 'rejected'::text])))
);

CREATE TABLE public.risk_assessments (
    payment_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    payer text,
    payee text,
    score smallint NOT NULL,
    level text NOT NULL,
    rules_version text NOT NULL,
    generation bigint NOT NULL,
    exemption_id uuid,
    fired json,
    facts json NOT NULL,
    matches json,
    CONSTRAINT risk_assessments_check CHECK (((level = 'low'::text) OR (fired IS NOT NULL))),
    CONSTRAINT risk_assessments_level_check CHECK ((level = ANY (ARRAY['low'::text, 'high'::text, 'blocked'::text]))),
    CONSTRAINT risk_assessments_score_check CHECK ((score >= 0))
);

CREATE TABLE public.risk_exemptions (
    id uuid NOT NULL,
    customer_id text NOT NULL,
    rule_id text,
    payee text,
    currency text,
    amount_max_minor bigint,
    reason text NOT NULL,
    granted_by text NOT NULL,
    granted_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_by text,
    ended_at timestamp with time zone,
    CONSTRAINT risk_exemptions_amount_max_minor_check CHECK ((amount_max_minor > 0)),
    CONSTRAINT risk_exemptions_check CHECK ((expires_at > granted_at)),
    CONSTRAINT risk_exemptions_check1 CHECK (((currency IS NULL) = (amount_max_minor IS NULL))),
    CONSTRAINT risk_exemptions_check2 CHECK (((ended_by IS NULL) = (ended_at IS NULL))),
    CONSTRAINT risk_exemptions_currency_check CHECK ((length(currency) = 3)),
    CONSTRAINT risk_exemptions_customer_id_check CHECK (((length(customer_id) >= 1) AND (length(customer_id) <= 64))),
    CONSTRAINT risk_exemptions_payee_check CHECK (((length(payee) >= 1) AND (length(payee) <= 64))),
    CONSTRAINT risk_exemptions_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 500))),
    CONSTRAINT risk_exemptions_rule_id_check CHECK (((length(rule_id) >= 1) AND (length(rule_id) <= 63)))
);

CREATE TABLE public.risk_profiles (
    customer_id text NOT NULL,
    day date NOT NULL,
    count integer NOT NULL,
    sums json NOT NULL,
    slots json NOT NULL,
    CONSTRAINT risk_profiles_count_check CHECK ((count >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.05');

CREATE TABLE public.rule_set_activations (
    sequence bigint NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    activated_by text NOT NULL,
    activated_at timestamp with time zone NOT NULL
);

ALTER TABLE public.rule_set_activations ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rule_set_activations_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rule_sets (
    name text NOT NULL,
    version text NOT NULL,
    source text NOT NULL,
    loaded_by text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT rule_sets_name_check CHECK ((name ~ '^[a-z][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT rule_sets_version_check CHECK ((version ~ '^[0-9a-f]{12}$'::text))
);

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.screening_entries (
    list text NOT NULL,
    entry_id text NOT NULL,
    hash bytea NOT NULL,
    generation bigint NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT screening_entries_hash_check CHECK ((length(hash) = 16))
);

CREATE TABLE public.screening_generations (
    id bigint NOT NULL,
    lists jsonb NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.screening_hits (
    id uuid NOT NULL,
    customer_id text NOT NULL,
    generation bigint NOT NULL,
    lists jsonb NOT NULL,
    matches jsonb NOT NULL,
    sealed bytea NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.screening_lists (
    id bigint NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    format text NOT NULL,
    source text NOT NULL,
    entries integer NOT NULL,
    damaged integer NOT NULL,
    is_current boolean NOT NULL,
    loaded_by text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT screening_lists_damaged_check CHECK ((damaged >= 0)),
    CONSTRAINT screening_lists_entries_check CHECK ((entries >= 0)),
    CONSTRAINT screening_lists_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'::text)),
    CONSTRAINT screening_lists_source_check CHECK ((length(source) <= 200)),
    CONSTRAINT screening_lists_version_check CHECK ((version ~ '^[0-9a-f]{12}$'::text))
);

ALTER TABLE public.screening_lists ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.screening_lists_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.screening_progress (
    only_row boolean DEFAULT true NOT NULL,
    seen timestamp with time zone NOT NULL,
    CONSTRAINT screening_progress_only_row_check CHECK (only_row)
);

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    ip inet,
    started_at timestamp with time zone NOT NULL,
    refreshed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_why text,
    CONSTRAINT sessions_check CHECK (((ended_at IS NULL) = (ended_why IS NULL))),
    CONSTRAINT sessions_ended_why_check CHECK ((ended_why = ANY (ARRAY['signed_out'::text, 'ended_by_admin'::text, 'password_changed'::text, 'user_disabled'::text, 'token_reused'::text])))
);

CREATE TABLE public.signing_keys (
    kid text NOT NULL,
    public_key text NOT NULL,
    private_key bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    verifies_until timestamp with time zone
);

CREATE TABLE public.totp_enrolments (
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    secret bytea,
    confirmed_at timestamp with time zone,
    pending_secret bytea,
    pending_since timestamp with time zone,
    last_step bigint DEFAULT 0 NOT NULL,
    CONSTRAINT totp_enrolments_check CHECK (((confirmed_at IS NULL) = (secret IS NULL))),
    CONSTRAINT totp_enrolments_check1 CHECK (((pending_since IS NULL) = (pending_secret IS NULL))),
    CONSTRAINT totp_enrolments_check2 CHECK (((secret IS NOT NULL) OR (pending_secret IS NOT NULL))),
    CONSTRAINT totp_enrolments_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['customer'::text, 'user'::text])))
);

CREATE TABLE public.users (
    id uuid NOT NULL,
    email bytea NOT NULL,
    email_index bytea NOT NULL,
    name bytea NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    failed_count integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    password_changed_at timestamp with time zone NOT NULL,
    CONSTRAINT users_email_index_check CHECK ((length(email_index) = 32)),
    CONSTRAINT users_failed_count_check CHECK ((failed_count >= 0)),
    CONSTRAINT users_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text)),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'dispatcher'::text, 'approver'::text, 'reviewer'::text, 'operator'::text, 'admin'::text]))),
    CONSTRAINT users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])))
);

CREATE TABLE public.vendor_changes (
    id uuid NOT NULL,
    vendor_id text NOT NULL,
    status text NOT NULL,
    payout bytea NOT NULL,
    payout_masked text NOT NULL,
    payout_index bytea NOT NULL,
    payout_before bytea NOT NULL,
    payout_version integer NOT NULL,
    paused_before timestamp with time zone,
    content_hash bytea NOT NULL,
    reason text NOT NULL,
    requested_by text NOT NULL,
    requested_as text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_by text,
    decided_at timestamp with time zone,
    decided_why text,
    CONSTRAINT vendor_changes_check CHECK ((expires_at > requested_at)),
    CONSTRAINT vendor_changes_check1 CHECK (((status = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT vendor_changes_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT vendor_changes_decided_why_check CHECK ((length(decided_why) <= 500)),
    CONSTRAINT vendor_changes_payout_version_check CHECK ((payout_version > 0)),
    CONSTRAINT vendor_changes_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 500))),
    CONSTRAINT vendor_changes_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'withdrawn'::text, 'expired'::text])))
);

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_default DEFAULT;

ALTER TABLE ONLY public.events ALTER COLUMN sequence SET DEFAULT nextval('public.events_sequence'::regclass);

ALTER TABLE ONLY public.pgqueuer ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_id_seq'::regclass);

ALTER TABLE ONLY public.pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_schedules_id_seq'::regclass);

ALTER TABLE ONLY public.pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_statistics_id_seq'::regclass);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_code_key UNIQUE (code);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.approval_delegations
    ADD CONSTRAINT approval_delegations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_subject_id_content_hash_person_key UNIQUE (subject_id, content_hash, person);

ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_subject_id_content_hash_principal_key UNIQUE (subject_id, content_hash, principal);

ALTER TABLE ONLY public.challenge_subjects
    ADD CONSTRAINT challenge_subjects_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY public.challenges
    ADD CONSTRAINT challenges_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cleared_pairs
    ADD CONSTRAINT cleared_pairs_pkey PRIMARY KEY (customer_id, list, entry_id);

ALTER TABLE ONLY public.customer_screenings
    ADD CONSTRAINT customer_screenings_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.decisions
    ADD CONSTRAINT decisions_issue_id_key UNIQUE (issue_id);

ALTER TABLE ONLY public.decisions
    ADD CONSTRAINT decisions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.encryption_proofs
    ADD CONSTRAINT encryption_proofs_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (sequence, at);

ALTER TABLE ONLY public.events_default
    ADD CONSTRAINT events_default_pkey PRIMARY KEY (sequence, at);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (key, scope);

ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT incidents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.issue_actions
    ADD CONSTRAINT issue_actions_issue_id_key UNIQUE (issue_id);

ALTER TABLE ONLY public.issue_actions
    ADD CONSTRAINT issue_actions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.issues
    ADD CONSTRAINT issues_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.kyc_checks
    ADD CONSTRAINT kyc_checks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.kyc_standings
    ADD CONSTRAINT kyc_standings_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.ledger_transfers
    ADD CONSTRAINT ledger_transfers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_dedupe_key_key UNIQUE (dedupe_key);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.open_holds
    ADD CONSTRAINT open_holds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_run_reports
    ADD CONSTRAINT payment_run_reports_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_run_reports
    ADD CONSTRAINT payment_run_reports_run_id_file_hash_key UNIQUE (run_id, file_hash);

ALTER TABLE ONLY public.payment_run_slots
    ADD CONSTRAINT payment_run_slots_pkey PRIMARY KEY (slot_at);

ALTER TABLE ONLY public.payment_runs
    ADD CONSTRAINT payment_runs_message_id_key UNIQUE (message_id);

ALTER TABLE ONLY public.payment_runs
    ADD CONSTRAINT payment_runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_transitions
    ADD CONSTRAINT payment_transitions_pkey PRIMARY KEY (payment_id, seq);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_log
    ADD CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer
    ADD CONSTRAINT pgqueuer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_statistics
    ADD CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.provider_attempts
    ADD CONSTRAINT provider_attempts_pkey PRIMARY KEY (operation_id, seq);

ALTER TABLE ONLY public.provider_breakers
    ADD CONSTRAINT provider_breakers_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY public.publishing_cursors
    ADD CONSTRAINT publishing_cursors_pkey PRIMARY KEY (sink);

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.reconciliation_items
    ADD CONSTRAINT reconciliation_items_pkey PRIMARY KEY (reconciliation_id, seq);

ALTER TABLE ONLY public.reconciliations
    ADD CONSTRAINT reconciliations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_issue_id_key UNIQUE (issue_id);

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.risk_assessments
    ADD CONSTRAINT risk_assessments_pkey PRIMARY KEY (payment_id, at);

ALTER TABLE ONLY public.risk_exemptions
    ADD CONSTRAINT risk_exemptions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.risk_profiles
    ADD CONSTRAINT risk_profiles_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.rule_set_activations
    ADD CONSTRAINT rule_set_activations_pkey PRIMARY KEY (sequence);

ALTER TABLE ONLY public.rule_sets
    ADD CONSTRAINT rule_sets_pkey PRIMARY KEY (name, version);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.screening_entries
    ADD CONSTRAINT screening_entries_pkey PRIMARY KEY (list, entry_id);

ALTER TABLE ONLY public.screening_generations
    ADD CONSTRAINT screening_generations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.screening_hits
    ADD CONSTRAINT screening_hits_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.screening_lists
    ADD CONSTRAINT screening_lists_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.screening_progress
    ADD CONSTRAINT screening_progress_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY public.totp_enrolments
    ADD CONSTRAINT totp_enrolments_pkey PRIMARY KEY (subject_kind, subject_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_index_key UNIQUE (email_index);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.vendor_changes
    ADD CONSTRAINT vendor_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.vendor_payments
    ADD CONSTRAINT vendor_payments_pkey PRIMARY KEY (payment_id);

ALTER TABLE ONLY public.vendors
    ADD CONSTRAINT vendors_pkey PRIMARY KEY (id);

CREATE INDEX accounts_owner ON public.accounts USING btree (owner, id);

CREATE INDEX approval_delegations_delegate ON public.approval_delegations USING btree (delegate, expires_at);

CREATE INDEX approval_delegations_delegator ON public.approval_delegations USING btree (delegator, expires_at);

CREATE INDEX challenges_due ON public.challenges USING btree (expires_at) WHERE (status = 'open'::text);

CREATE UNIQUE INDEX challenges_open ON public.challenges USING btree (payment_id) WHERE (status = 'open'::text);

CREATE INDEX challenges_payment ON public.challenges USING btree (payment_id, id DESC);

CREATE INDEX customer_screenings_generation ON public.customer_screenings USING btree (generation);

CREATE INDEX customer_screenings_hits ON public.customer_screenings USING btree (hit_id) WHERE (status = 'hit'::text);

CREATE INDEX customers_email ON public.customers USING btree (email_index) WHERE (email_index IS NOT NULL);

CREATE INDEX customers_updated ON public.customers USING btree (updated_at, id);

CREATE INDEX events_subject ON ONLY public.events USING btree (subject, sequence);

CREATE INDEX events_default_subject_sequence_idx ON public.events_default USING btree (subject, sequence);

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING brin (created_at);

CREATE INDEX issue_actions_open ON public.issue_actions USING btree (requested_at) WHERE (status = 'requested'::text);

CREATE INDEX issues_customer ON public.issues USING btree (customer_id, id DESC);

CREATE INDEX issues_status ON public.issues USING btree (status, id DESC);

CREATE INDEX kyc_checks_customer ON public.kyc_checks USING btree (customer_id, id DESC);

CREATE INDEX kyc_checks_due ON public.kyc_checks USING btree (ask_at) WHERE (status = 'pending'::text);

CREATE UNIQUE INDEX kyc_checks_open ON public.kyc_checks USING btree (customer_id) WHERE (status = 'pending'::text);

CREATE INDEX kyc_standings_expiring ON public.kyc_standings USING btree (expires_at) WHERE (status = 'verified'::text);

CREATE INDEX ledger_transfers_credit ON public.ledger_transfers USING btree (credit_account_id, created_at);

CREATE INDEX ledger_transfers_debit ON public.ledger_transfers USING btree (debit_account_id, created_at);

CREATE UNIQUE INDEX ledger_transfers_hold ON public.ledger_transfers USING btree (hold_id) WHERE (hold_id IS NOT NULL);

CREATE INDEX messages_unread ON public.messages USING btree (not_after) WHERE ((content IS NOT NULL) AND (status <> 'sent'::text));

CREATE UNIQUE INDEX one_signing_key ON public.signing_keys USING btree ((true)) WHERE (verifies_until IS NULL);

CREATE INDEX open_holds_credit ON public.open_holds USING btree (credit_account_id);

CREATE INDEX open_holds_debit ON public.open_holds USING btree (debit_account_id);

CREATE INDEX open_holds_expiry ON public.open_holds USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX payment_runs_released ON public.payment_runs USING btree (id) WHERE (status = 'released'::text);

CREATE INDEX payments_charges ON public.payments USING btree (id) WHERE ((kind = 'charge'::text) AND (request_key IS NOT NULL));

CREATE INDEX payments_customer ON public.payments USING btree (customer_id, created_at DESC) WHERE (customer_id IS NOT NULL);

CREATE INDEX payments_incident ON public.payments USING btree (incident_id, id) WHERE (incident_id IS NOT NULL);

CREATE UNIQUE INDEX payments_open_for_incident ON public.payments USING btree (incident_id, vendor_id) WHERE ((incident_id IS NOT NULL) AND (status = ANY (ARRAY['pending_approval'::text, 'processing'::text, 'unknown'::text])));

CREATE INDEX payments_pending ON public.payments USING btree (id) WHERE (status = 'pending_approval'::text);

CREATE UNIQUE INDEX payments_reference ON public.payments USING btree (reference) WHERE (reference IS NOT NULL);

CREATE INDEX payments_settled ON public.payments USING btree (provider, settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX payments_vendor ON public.payments USING btree (vendor_id, id) WHERE (vendor_id IS NOT NULL);

CREATE INDEX payments_vendor_all ON public.payments USING btree (id) WHERE (vendor_id IS NOT NULL);

CREATE INDEX payments_vendor_amount ON public.payments USING btree (vendor_id, currency, amount_minor, id) WHERE (vendor_id IS NOT NULL);

CREATE INDEX payments_vendor_status ON public.payments USING btree (status, id) WHERE (vendor_id IS NOT NULL);

CREATE INDEX payments_waiting ON public.payments USING btree (recorded_at, id) WHERE (status = ANY (ARRAY['requires_otp'::text, 'processing'::text, 'unknown'::text]));

CREATE INDEX pgqueuer_dead_id ON public.pgqueuer USING btree (id) WHERE (status = 'failed'::public.pgqueuer_status);

CREATE INDEX pgqueuer_dead_key ON public.pgqueuer USING btree (dedupe_key) WHERE (status = 'failed'::public.pgqueuer_status);

CREATE INDEX pgqueuer_ep_ea_idx ON public.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_ep_prio_id_idx ON public.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_log_created ON public.pgqueuer_log USING btree (created);

CREATE INDEX pgqueuer_log_job_id_status ON public.pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX pgqueuer_log_not_aggregated ON public.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX pgqueuer_log_status ON public.pgqueuer_log USING btree (status);

CREATE INDEX pgqueuer_picked_heartbeat_idx ON public.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::public.pgqueuer_status);

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON public.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::public.pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX pgqueuer_priority_id_id1_idx ON public.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_queue_manager_id_idx ON public.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON public.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON public.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::public.pgqueuer_status, 'picked'::public.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX pgqueuer_updated_id_id1_idx ON public.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::public.pgqueuer_status);

CREATE INDEX provider_attempts_recent ON public.provider_attempts USING btree (provider, started_at DESC);

CREATE INDEX reconciliation_items_outcome ON public.reconciliation_items USING btree (reconciliation_id, outcome, seq);

CREATE INDEX reconciliation_lines_run ON public.reconciliation_lines USING btree (reconciliation_id);

CREATE INDEX reconciliations_day ON public.reconciliations USING btree (provider, day, id DESC);

CREATE UNIQUE INDEX reconciliations_queued ON public.reconciliations USING btree (provider, day) WHERE ((state = 'running'::text) AND is_queued);

CREATE INDEX reconciliations_running ON public.reconciliations USING btree (requested_at) WHERE (state = 'running'::text);

CREATE UNIQUE INDEX reconciliations_scheduled ON public.reconciliations USING btree (provider, day) WHERE is_scheduled;

CREATE INDEX refresh_tokens_of_session ON public.refresh_tokens USING btree (session_id);

CREATE INDEX refunds_payment ON public.refunds USING btree (payment_id, id);

CREATE INDEX refunds_settled ON public.refunds USING btree (provider, settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX refunds_waiting ON public.refunds USING btree (created_at, id) WHERE (status = ANY (ARRAY['processing'::text, 'unknown'::text]));

CREATE INDEX risk_assessments_level ON public.risk_assessments USING btree (level, payment_id) WHERE (level <> 'low'::text);

CREATE INDEX risk_assessments_payer ON public.risk_assessments USING btree (payer, payment_id) WHERE (payer IS NOT NULL);

CREATE INDEX risk_exemptions_customer ON public.risk_exemptions USING btree (customer_id, id);

CREATE INDEX risk_exemptions_open ON public.risk_exemptions USING btree (customer_id) WHERE (ended_at IS NULL);

CREATE INDEX rule_set_activations_name ON public.rule_set_activations USING btree (name, sequence DESC);

CREATE INDEX screening_entries_generation ON public.screening_entries USING btree (generation);

CREATE INDEX screening_hits_customer ON public.screening_hits USING btree (customer_id, id);

CREATE UNIQUE INDEX screening_lists_current ON public.screening_lists USING btree (name) WHERE is_current;

CREATE INDEX sessions_by_expiry ON public.sessions USING btree (expires_at);

CREATE INDEX sessions_of_user ON public.sessions USING btree (user_id, id) WHERE (ended_at IS NULL);

CREATE INDEX users_active_admins ON public.users USING btree (id) WHERE ((role = 'admin'::text) AND (status = 'active'::text));

CREATE INDEX vendor_changes_due ON public.vendor_changes USING btree (expires_at) WHERE (status = 'pending'::text);

CREATE UNIQUE INDEX vendor_changes_open ON public.vendor_changes USING btree (vendor_id) WHERE (status = 'pending'::text);

CREATE INDEX vendor_changes_pending ON public.vendor_changes USING btree (id) WHERE (status = 'pending'::text);

CREATE INDEX vendor_changes_vendor ON public.vendor_changes USING btree (vendor_id, id);

CREATE INDEX vendor_payments_family ON public.vendor_payments USING btree (family_key, payment_id) WHERE (family_key IS NOT NULL);

CREATE UNIQUE INDEX vendor_payments_replaces ON public.vendor_payments USING btree (replaces) WHERE (replaces IS NOT NULL);

CREATE INDEX vendor_payments_run ON public.vendor_payments USING btree (run_id, payment_id) WHERE (run_id IS NOT NULL);

CREATE INDEX vendor_payments_waiting ON public.vendor_payments USING btree (payment_id) WHERE ((approved_at IS NOT NULL) AND (released_at IS NULL));

CREATE INDEX vendors_account ON public.vendors USING btree (payout_index);

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_default_pkey;

ALTER INDEX public.events_subject ATTACH PARTITION public.events_default_subject_sequence_idx;

CREATE TRIGGER accounts_no_truncate BEFORE TRUNCATE ON public.accounts FOR EACH STATEMENT EXECUTE FUNCTION public.accounts_refuse_removal();

CREATE TRIGGER accounts_stay BEFORE DELETE ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.accounts_refuse_removal();

CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION public.events_refuse_change();

CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.events_refuse_change();

CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON public.events_default FOR EACH STATEMENT EXECUTE FUNCTION public.events_refuse_change();

CREATE TRIGGER ledger_transfers_append_only BEFORE DELETE OR UPDATE ON public.ledger_transfers FOR EACH ROW EXECUTE FUNCTION public.ledger_refuse_change();

CREATE TRIGGER ledger_transfers_no_truncate BEFORE TRUNCATE ON public.ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION public.ledger_refuse_change();

CREATE TRIGGER risk_assessments_append_only BEFORE DELETE OR UPDATE ON public.risk_assessments FOR EACH ROW EXECUTE FUNCTION public.risk_refuse_change();

CREATE TRIGGER risk_assessments_no_truncate BEFORE TRUNCATE ON public.risk_assessments FOR EACH STATEMENT EXECUTE FUNCTION public.risk_refuse_change();

CREATE TRIGGER screening_hits_append_only BEFORE DELETE OR UPDATE ON public.screening_hits FOR EACH ROW EXECUTE FUNCTION public.screening_hits_refuse_change();

CREATE TRIGGER screening_hits_no_truncate BEFORE TRUNCATE ON public.screening_hits FOR EACH STATEMENT EXECUTE FUNCTION public.screening_hits_refuse_change();

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.pgqueuer FOR EACH STATEMENT EXECUTE FUNCTION public.fn_pgqueuer_changed();

ALTER TABLE ONLY public.decisions
    ADD CONSTRAINT decisions_issue_id_fkey FOREIGN KEY (issue_id) REFERENCES public.issues(id);

ALTER TABLE ONLY public.issue_actions
    ADD CONSTRAINT issue_actions_issue_id_fkey FOREIGN KEY (issue_id) REFERENCES public.issues(id);

ALTER TABLE ONLY public.kyc_checks
    ADD CONSTRAINT kyc_checks_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.kyc_standings
    ADD CONSTRAINT kyc_standings_check_id_fkey FOREIGN KEY (check_id) REFERENCES public.kyc_checks(id);

ALTER TABLE ONLY public.kyc_standings
    ADD CONSTRAINT kyc_standings_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.payment_run_reports
    ADD CONSTRAINT payment_run_reports_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.payment_runs(id);

ALTER TABLE ONLY public.payment_transitions
    ADD CONSTRAINT payment_transitions_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.reconciliation_items
    ADD CONSTRAINT reconciliation_items_reconciliation_id_fkey FOREIGN KEY (reconciliation_id) REFERENCES public.reconciliations(id);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_issue_id_fkey FOREIGN KEY (issue_id) REFERENCES public.issues(id);

ALTER TABLE ONLY public.rule_set_activations
    ADD CONSTRAINT rule_set_activations_name_version_fkey FOREIGN KEY (name, version) REFERENCES public.rule_sets(name, version);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.vendor_changes
    ADD CONSTRAINT vendor_changes_vendor_id_fkey FOREIGN KEY (vendor_id) REFERENCES public.vendors(id);
