"""Settings: read once from the environment (and a `.env` file), checked, then passed by hand.

Every field is the environment variable of the same name in capitals. `.env.example` lists them
all; a test keeps the two in step.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from dotenv import dotenv_values
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65535)]
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Span = Annotated[int, Meta(ge=0, le=366 * 86_400_000)]  # milliseconds
Words = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,40}(,[A-Za-z0-9_]{1,40}){0,49}\Z")]  # `a,b`
Times = Annotated[  # `09:00,14:30`
    str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](,(?!\Z)|\Z))*\Z")
]
Numbers = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(,[0-9]{1,9}){0,19}\Z")]  # `250,1000`

_DATABASE_SCHEMES = ("postgresql://", "postgres://")


class SettingsError(Exception):
    """A setting is missing or wrong. The text names it and says what would be right."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    # What runs where
    environment: Literal["development", "production"] = "development"
    bind_address: str = "127.0.0.1"
    port: Port = 3000
    api_processes: Annotated[int, Meta(ge=1, le=64)] = 1
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    paywright_data_dir: Path = Path(".paywright")
    # Empty: the embedded PostgreSQL, with its data in `paywright_data_dir`.
    database_url: str = ""
    database_pool_max: Annotated[int, Meta(ge=2, le=500)] = 10

    # Jobs
    queue_concurrency: Annotated[int, Meta(ge=1, le=1000)] = 5
    queue_max_retries: Annotated[int, Meta(ge=1, le=100)] = 5  # attempts, the first included
    queue_backoff_delay_ms: Milliseconds = 2000
    queue_lease_ms: Annotated[int, Meta(ge=500, le=600_000)] = 12_000

    # Decisions
    decision_engine_mode: Literal["rules"] = "rules"
    confidence_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.80
    ai_auto_resolve_threshold: Percent = 90
    ai_human_review_threshold: Percent = 70

    # Screening
    screening_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.69

    # Safety
    encryption_key: str = ""  # 64 hexadecimal digits; made up and kept in development
    encryption_key_id: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,16}\Z")] = "k1"
    rate_limit_max: Annotated[int, Meta(ge=0)] = 100  # requests in a window; 0: no limit
    rate_limit_window_ms: Milliseconds = 60_000
    # Attempts to sign in, of each user and from each address.
    login_rate_limit_max: Annotated[int, Meta(ge=1, le=1000)] = 5
    login_rate_limit_window_ms: Milliseconds = 60_000
    # Where all processes count together. Empty: each process counts for itself.
    redis_url: str = ""
    # Addresses of proxies, comma-separated, whose X-Forwarded-For is believed. Empty: nobody's.
    trusted_proxies: str = ""
    request_body_max_bytes: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    idempotency_retention_hours: Annotated[int, Meta(ge=24)] = 72

    # Tokens of another issuer. Empty: only our own are accepted.
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_role_claim: str = "roles"
    oidc_jwks_url: str = ""  # empty: what the issuer's discovery document says

    # Notifications. An empty URL: the outbox in development, and no such messages in production.
    smtp_url: str = ""
    smtp_from: str = ""
    sms_api_url: str = ""
    sms_api_user: str = ""
    sms_api_secret: str = ""
    sms_from: str = ""

    # The outside: a bank for payments to other banks, and who checks customers. Empty: nobody.
    partner_bank_url: str = ""
    partner_bank_token: str = ""
    partner_bank_timeout_ms: Milliseconds = 10_000
    partner_bank_webhook_secret: str = ""
    # A second bank, which pays when the first one cannot be reached.
    backup_bank_url: str = ""
    backup_bank_token: str = ""
    kyc_provider_url: str = ""
    kyc_provider_token: str = ""
    simulator_port: Annotated[int, Meta(ge=0, le=65535)] = 0  # 0: a free one

    # Cards. An empty key: no charges.
    stripe_api_key: str = ""
    stripe_api_base: str = ""  # empty: Stripe's own
    stripe_timeout_ms: Milliseconds = 20_000
    stripe_webhook_secret: str = ""
    stripe_backup_api_key: str = ""
    stripe_backup_api_base: str = ""

    # How providers are called
    provider_routes: str = ""
    payment_max_retries: Annotated[int, Meta(ge=0, le=10)] = 3
    payment_backoff_ms: Numbers = "250,1000,3000"
    payment_deadline_ms: Milliseconds = 30_000
    payment_look_up_ms: Numbers = "5000,60000,600000,3600000,86400000"
    payment_concurrency: Annotated[int, Meta(ge=1, le=2000)] = 256
    circuit_breaker_failure_threshold: Annotated[int, Meta(ge=1, le=1000)] = 5
    circuit_breaker_failure_rate: Annotated[float, Meta(gt=0, le=1)] = 0.5
    circuit_breaker_window_ms: Annotated[int, Meta(ge=1000, le=3_600_000)] = 60_000
    circuit_breaker_window_min: Annotated[int, Meta(ge=1, le=10_000)] = 20
    circuit_breaker_cooldown_ms: Milliseconds = 30_000
    circuit_breaker_probes: Annotated[int, Meta(ge=1, le=100)] = 3
    provider_drain_per_s: Annotated[int, Meta(ge=1, le=10_000)] = 50
    # Of the simulated providers that `paywright up` starts.
    flaky_payment_failure_rate: Annotated[float, Meta(ge=0, le=1)] = 0.0

    # Vendor payments
    payer_types: Words = "back_office,driver,carrier"
    vendor_change_pause_ms: Span = 86_400_000
    duplicate_window_days: Annotated[int, Meta(ge=1, le=3650)] = 120
    approval_remind_after_ms: Span = 86_400_000
    approval_expires_after_ms: Span = 30 * 86_400_000
    vendor_payout_retries: Annotated[int, Meta(ge=0, le=10)] = 2
    vendor_payout_retry_ms: Span = 3_600_000
    # Payment runs: at which times of day, UTC. Empty: only when somebody asks for one.
    payment_run_times: Annotated[
        str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](,|\Z))*\Z")
    ] = ""
    # Who pays, in files for a bank. An empty IBAN: no files.
    payment_file_debtor_name: Annotated[str, Meta(max_length=70)] = ""
    payment_file_debtor_iban: str = ""
    payment_file_debtor_bic: str = ""
    # The answers of that bank after which a payment counts as made.
    payment_file_settled_statuses: Words = "ACSC,ACCC"

    # Where the event log is told to, as CloudEvents. Empty: nowhere.
    events_sink_url: str = ""
    events_sink_secret: str = ""
    events_sink_types: str = ""  # empty: all; else types, comma-separated

    # Who may put a summary into other words. Empty: nobody.
    summary_llm_url: str = ""
    summary_llm_key: str = ""
    summary_llm_model: str = ""

    # Operation
    health_check_timeout_ms: Milliseconds = 2000
    shutdown_timeout_ms: Milliseconds = 30_000

    def __post_init__(self) -> None:
        if self.ai_human_review_threshold > self.ai_auto_resolve_threshold:
            raise SettingsError(
                "AI_HUMAN_REVIEW_THRESHOLD must not be above AI_AUTO_RESOLVE_THRESHOLD "
                f"({self.ai_human_review_threshold} > {self.ai_auto_resolve_threshold})"
            )
        if self.database_url and not self.database_url.startswith(_DATABASE_SCHEMES):
            raise SettingsError(
                "DATABASE_URL must look like postgresql://user:password@host:5432/database"
            )
        self._check_oidc()
        if self.environment == "production":
            for name in ("database_url", "encryption_key"):
                if not getattr(self, name):
                    raise SettingsError(
                        f"{name.upper()} must be set when ENVIRONMENT is production; "
                        "development keys and the embedded database are for trying things out"
                    )

    def _check_oidc(self) -> None:
        if not self.oidc_issuer:
            return
        if not self.oidc_audience:
            raise SettingsError("OIDC_AUDIENCE must be set when OIDC_ISSUER is")
        # Who can change the keys on their way can be anybody.
        allowed = ("https://",) if self.environment == "production" else ("https://", "http://")
        for name in ("oidc_issuer", "oidc_jwks_url"):
            value = getattr(self, name)
            if value and not value.startswith(allowed):
                raise SettingsError(f"{name.upper()} must begin with {' or '.join(allowed)}")


def numbers(text: str) -> list[int]:
    """What a setting with several numbers says."""
    return [int(part) for part in text.split(",")]


def read_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = None
) -> Settings:
    """The settings of this process. What is set in the environment wins over the file.

    Raises SettingsError, naming the variable.
    """
    path = env_file or Path(".env")
    from_file = {k: v for k, v in dotenv_values(path).items() if v} if path.is_file() else {}
    merged = {**from_file, **(os.environ if environ is None else environ)}
    values = {
        field: merged[field.upper()]
        for field in Settings.__struct_fields__
        if merged.get(field.upper())
    }
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_read_path)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, SettingsError):
            raise cause from None
        message, _, path_in_settings = str(error).partition(" - at `$.")
        raise SettingsError(f"{path_in_settings.rstrip('`').upper()}: {message}") from None


def _read_path(type: type, value: Any) -> Any:
    """msgspec knows no paths."""
    if type is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"a setting cannot be a {type.__name__}")
