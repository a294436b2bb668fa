"""How vendors are paid and who is told of it, as settings say."""

from datetime import UTC, datetime, timedelta

from paywright.core.iban import fault_of
from paywright.payment_runs.model import FileTerms
from paywright.payments.vendor.model import Terms
from paywright.publishing.sink import Sink
from paywright.settings import Settings, SettingsError


def vendor_terms(settings: Settings) -> Terms:
    def span(ms: int) -> timedelta | None:
        return timedelta(milliseconds=ms) if ms else None

    return Terms(
        payer_types=tuple(settings.payer_types.split(",")),
        duplicate_window=timedelta(days=settings.duplicate_window_days),
        remind_after=span(settings.approval_remind_after_ms),
        expires_after=span(settings.approval_expires_after_ms),
        retries=settings.vendor_payout_retries,
        retry_after=timedelta(milliseconds=settings.vendor_payout_retry_ms),
    )


def file_terms(settings: Settings) -> FileTerms:
    """Raises SettingsError for an IBAN that is none: a bank would refuse every file."""
    iban = "".join(settings.payment_file_debtor_iban.split()).upper()
    if iban and (fault := fault_of(iban)):
        raise SettingsError(f"PAYMENT_FILE_DEBTOR_IBAN {fault}")
    if iban and not settings.payment_file_debtor_name.strip():
        raise SettingsError("PAYMENT_FILE_DEBTOR_NAME must be set with PAYMENT_FILE_DEBTOR_IBAN")
    return FileTerms(
        debtor_name=settings.payment_file_debtor_name.strip(),
        debtor_iban=iban,
        debtor_bic=settings.payment_file_debtor_bic.strip().upper() or None,
        settled_statuses=frozenset(settings.payment_file_settled_statuses.split(",")),
    )


def open_sink(settings: Settings) -> Sink | None:
    if not settings.events_sink_url:
        return None
    if settings.environment == "production" and not settings.events_sink_url.startswith("https://"):
        raise SettingsError("EVENTS_SINK_URL must begin with https:// in production")
    types = frozenset(it.strip() for it in settings.events_sink_types.split(",") if it.strip())
    try:
        return Sink(
            url=settings.events_sink_url,
            secret=settings.events_sink_secret,
            types=types,
            clock=lambda: datetime.now(UTC),
        )
    except ValueError as error:
        raise SettingsError(f"EVENTS_SINK_URL, EVENTS_SINK_SECRET: {error}") from None
