"""The providers that settings name, and how they are called."""

import random
import time
from collections.abc import Callable
from datetime import timedelta

from paywright.gateway.breaker import Policy
from paywright.gateway.calling import Gateway, Retries
from paywright.gateway.model import Provider
from paywright.gateway.partner_bank import PartnerBank
from paywright.gateway.reword import OpenAICompatible, Reworder
from paywright.gateway.routes import parse_routes
from paywright.gateway.stripe.adapter import StripeProvider
from paywright.settings import Settings, SettingsError, numbers

_SPARE_CONNECTIONS = 44  # to a provider, beside those of jobs: for requests


def open_gateway(settings: Settings) -> Gateway:
    """Raises SettingsError, naming the setting."""
    providers = _providers(settings)
    try:
        return Gateway(
            providers,
            retries=Retries(
                retries_max=settings.payment_max_retries,
                backoff_ms=numbers(settings.payment_backoff_ms),
                deadline_ms=settings.payment_deadline_ms,
            ),
            policy=_policy(settings),
            routes=parse_routes(settings.provider_routes, known=list(providers)),
            jitter=random.random,
            monotonic=time.monotonic,
        )
    except ValueError as error:
        raise SettingsError(f"PROVIDER_ROUTES: {error}") from None


def _policy(settings: Settings) -> Policy:
    """When a provider is left alone, and how it is tried again."""
    return Policy(
        failures_in_a_row=settings.circuit_breaker_failure_threshold,
        failure_rate=settings.circuit_breaker_failure_rate,
        window=timedelta(milliseconds=settings.circuit_breaker_window_ms),
        window_min=settings.circuit_breaker_window_min,
        cooldown=timedelta(milliseconds=settings.circuit_breaker_cooldown_ms),
        probes=settings.circuit_breaker_probes,
        # No call lasts longer: a probe that is not back by then has died with its process.
        probe_lease=max(
            timedelta(minutes=1), timedelta(milliseconds=2 * settings.payment_deadline_ms)
        ),
        drain_per_s=settings.provider_drain_per_s,
    )


def _providers(settings: Settings) -> dict[str, Provider]:
    """Those that are set up, by the names that routes and the books know them by."""
    found: dict[str, Provider] = {}
    it = settings
    for name, url, token in (
        ("partner_bank", it.partner_bank_url, it.partner_bank_token),
        ("backup_bank", it.backup_bank_url, it.backup_bank_token),
    ):
        if url:
            found[name] = _named(
                f"{name.upper()}_URL",
                lambda url=url, token=token: PartnerBank(
                    url=url,
                    token=token,
                    timeout_ms=it.partner_bank_timeout_ms,
                    webhook_secret=it.partner_bank_webhook_secret,
                    connections_max=it.payment_concurrency + _SPARE_CONNECTIONS,
                ),
            )
    for name, key, base in (
        ("stripe", it.stripe_api_key, it.stripe_api_base),
        ("stripe_backup", it.stripe_backup_api_key, it.stripe_backup_api_base),
    ):
        if key:
            found[name] = _named(
                f"{name.upper()}_API_BASE",
                lambda key=key, base=base: StripeProvider(
                    api_key=key,
                    api_base=base,
                    timeout_ms=it.stripe_timeout_ms,
                    webhook_secret=it.stripe_webhook_secret,
                    connections_max=it.payment_concurrency + _SPARE_CONNECTIONS,
                ),
            )
    return found


def _named(setting: str, make: Callable[[], Provider]) -> Provider:
    try:
        return make()
    except ValueError as error:
        raise SettingsError(f"{setting} {error}") from None


def open_reworder(settings: Settings) -> Reworder | None:
    """Who may put summaries into other words. Raises SettingsError."""
    if not settings.summary_llm_url:
        return None
    if not settings.summary_llm_model:
        raise SettingsError("SUMMARY_LLM_MODEL must be set when SUMMARY_LLM_URL is")
    try:
        return OpenAICompatible(
            url=settings.summary_llm_url,
            key=settings.summary_llm_key,
            model=settings.summary_llm_model,
        )
    except ValueError as error:
        raise SettingsError(f"SUMMARY_LLM_URL {error}") from None
