"""Build the application once, from settings. The only place that knows every part."""

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from paywright.approvals import policy as approval_policy
from paywright.core.backoff import RetryPolicy
from paywright.crypto import KeyRing, development_key
from paywright.customers import store as customers
from paywright.db.migrate import SchemaMismatch, missing
from paywright.db.pool import Database, DatabaseUnavailable, on_stray_error
from paywright.gateway.calling import Gateway
from paywright.gateway.model import OrderKind
from paywright.gateway.reword import Reworder
from paywright.identity import store as identity
from paywright.identity import users_store
from paywright.identity.manage import DEVELOPMENT
from paywright.identity.oidc import Issuer
from paywright.identity.parts import Parts
from paywright.issues import rules_engine
from paywright.issues.route import Thresholds, thresholds
from paywright.kyc.http_provider import HttpKycProvider
from paywright.kyc.model import KycProvider
from paywright.notifications.channels import Channels, open_channels
from paywright.payment_runs.model import FileTerms
from paywright.payments.checks import Checks
from paywright.payments.settle import Settling
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.model import Terms
from paywright.publishing.sink import Sink
from paywright.risk import rule_set as risk_rules
from paywright.rulesets.cache import RuleSetCache
from paywright.rulesets.schema import Schemas
from paywright.screening.screener import Screener
from paywright.settings import Settings, SettingsError, numbers
from paywright.throttle.limiter import Limiter
from paywright.throttle.shared import SharedCounts
from paywright.wiring.providers import open_gateway, open_reworder
from paywright.wiring.vendors import file_terms, open_sink, vendor_terms

log = structlog.get_logger()

_DATABASE_PATIENCE_S = 60
_DATABASE_RETRIES_PER_S = 2


# What is decided by rules that may be changed while we run: `issues`, `risk`. By what callers say:
# the name of the rule set, and what its rules may ask about.
RULE_SETS: Mapping[str, tuple[str, Schemas]] = {
    "issues": (rules_engine.RULE_SET, rules_engine.SCHEMAS),
    "risk": (risk_rules.RULE_SET, risk_rules.SCHEMAS),
    "approvals": (approval_policy.RULE_SET, approval_policy.SCHEMAS),
}


@dataclass(frozen=True, slots=True)
class App:
    """What use-cases are given by the edges."""

    settings: Settings
    db: Database
    keys: KeyRing
    issue_rules: RuleSetCache
    risk_rules: RuleSetCache
    thresholds: Thresholds
    limiter: Limiter
    identity: Parts
    channels: Channels
    gateway: Gateway
    settling: Settling
    reworder: Reworder | None
    kyc_provider: KycProvider | None
    screener: Screener
    approval_rules: RuleSetCache
    vendor_terms: Terms
    vendor_pause: timedelta
    file_terms: FileTerms
    sink: Sink | None

    @property
    def checks(self) -> Checks:
        """What risks are weighed with."""
        providers = self.gateway.providers.items()
        banks = {name: it for name, it in providers if OrderKind.PAYOUT in it.handles}
        return Checks(self.keys, self.risk_rules, self.screener, banks)

    @property
    def vendor_parts(self) -> ApproveParts:
        """What vendor payments are approved with, and go on with."""
        return ApproveParts(self.checks, self.approval_rules, self.vendor_terms)

    async def close(self) -> None:
        await self.settling.close()
        for outside in (self.gateway, self.kyc_provider, self.reworder, self.sink):
            if outside is not None:
                await outside.close()
        await self.channels.close()
        await self.limiter.close()
        await self.db.close()


async def build(
    settings: Settings, *, url: str, application: str, connections_max: int | None = None
) -> App:
    """Connect, and put the parts together.

    url:         of the database, which `settings` leaves open for the embedded one
    application: how PostgreSQL is to list our connections
    Raises DatabaseUnavailable, and SettingsError for an ENCRYPTION_KEY that is malformed, or is
    not the one that the data was encrypted with.
    """
    keys = key_ring(settings)
    limiter = _limiter(settings)
    channels = _channels(settings)
    gateway, kyc_provider = open_gateway(settings), _kyc_provider(settings)
    schedule = [timedelta(milliseconds=it) for it in numbers(settings.payment_look_up_ms)]
    db = await Database.connect(
        url,
        connections_max=connections_max or settings.database_pool_max,
        application=application,
    )
    try:
        await _check_key(db, keys)
    except BaseException:
        await db.close()
        raise
    return App(
        settings=settings,
        db=db,
        keys=keys,
        issue_rules=RuleSetCache(rules_engine.RULE_SET, rules_engine.SCHEMAS),
        risk_rules=RuleSetCache(risk_rules.RULE_SET, risk_rules.SCHEMAS),
        thresholds=thresholds(
            auto_resolve=settings.ai_auto_resolve_threshold,
            human_review=settings.ai_human_review_threshold,
            confidence_threshold=settings.confidence_threshold,
        ),
        limiter=limiter,
        identity=_identity(settings, keys),
        channels=channels,
        gateway=gateway,
        settling=Settling(db, keys, gateway, schedule=schedule, clock=lambda: datetime.now(UTC)),
        reworder=open_reworder(settings),
        kyc_provider=kyc_provider,
        screener=Screener(threshold=settings.screening_threshold),
        approval_rules=RuleSetCache(approval_policy.RULE_SET, approval_policy.SCHEMAS),
        vendor_terms=vendor_terms(settings),
        vendor_pause=timedelta(milliseconds=settings.vendor_change_pause_ms),
        file_terms=file_terms(settings),
        sink=open_sink(settings),
    )


def _collect_less_often() -> None:
    """Let a process that stays look for garbage in cycles less often.

    A batch makes tens of thousands of objects, next to none of them in cycles. Python's default,
    to look after every 700, took a sixth of the worker's time.
    """
    gc.collect()
    gc.freeze()  # what starting up has made stays anyway
    gc.set_threshold(20_000, 10, 10)


async def build_patiently(
    settings: Settings, *, url: str, application: str, connections_max: int | None = None
) -> App:
    """The same for a server: a database that is not up yet is waited for, a minute at most.

    Raises SchemaMismatch, too, when it has not been migrated.
    """
    asyncio.get_running_loop().set_exception_handler(on_stray_error)
    for attempt in range(_DATABASE_PATIENCE_S * _DATABASE_RETRIES_PER_S + 1):
        try:
            if await missing(url):
                raise SchemaMismatch("the schema is not up to date; run `paywright migrate`")
            app = await build(
                settings, url=url, application=application, connections_max=connections_max
            )
            await _refuse_development_keys(app)
        except DatabaseUnavailable as error:
            if attempt == _DATABASE_PATIENCE_S * _DATABASE_RETRIES_PER_S:
                raise
            log.warning("database.awaited", application=application, reason=str(error))
            await asyncio.sleep(1 / _DATABASE_RETRIES_PER_S)
        else:
            _collect_less_often()
            return app
    raise AssertionError("the last attempt returns or raises")


async def _refuse_development_keys(app: App) -> None:
    """In production nobody gets in with a key that lies in a file. Raises SettingsError."""
    if app.settings.environment != "production":
        return
    async with app.db.snapshot() as tx:
        keys = await identity.valid_keys_of(tx, DEVELOPMENT, at=datetime.now(UTC))
        users = await users_store.development_users(tx, DEVELOPMENT)
    if keys or users:
        await app.close()
        raise SettingsError(
            f"{len(keys)} development API keys are valid in this database, and so are "
            f"{len(users)} passwords of development users; revoke them with "
            "`paywright keys revoke-development`, or set ENVIRONMENT=development"
        )


async def _check_key(db: Database, keys: KeyRing) -> None:
    async with db.transaction() as tx:
        if not await customers.prove_key(tx, keys):
            raise SettingsError(
                f"ENCRYPTION_KEY is not the key {keys.current} that the data in this database was "
                "encrypted with; set that one, or give the new one another ENCRYPTION_KEY_ID"
            )


def key_ring(settings: Settings) -> KeyRing:
    """The encryption keys: those of the settings, else ones made for this folder alone."""
    folder = settings.paywright_data_dir
    try:
        hex_key = settings.encryption_key or development_key(folder / "encryption.key")
        return KeyRing.from_hex(hex_key, settings.encryption_key_id)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(
            f"cannot keep an encryption key in {folder.absolute()}: {error.strerror}; set "
            "PAYWRIGHT_DATA_DIR to a folder of yours, or ENCRYPTION_KEY"
        ) from error


def _identity(settings: Settings, keys: KeyRing) -> Parts:
    issuer = None
    if settings.oidc_issuer:
        issuer = Issuer(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            role_claim=settings.oidc_role_claim,
            jwks_url=settings.oidc_jwks_url,
        )
    return Parts(
        keys,
        sign_ins_max=settings.login_rate_limit_max,
        sign_ins_window_s=settings.login_rate_limit_window_ms / 1000,
        issuer=issuer,
    )


def _limiter(settings: Settings) -> Limiter:
    if not settings.redis_url:
        return Limiter()
    try:
        return Limiter(SharedCounts(settings.redis_url))
    except ModuleNotFoundError:
        raise SettingsError("REDIS_URL needs the extra `valkey`: paywright[valkey]") from None
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from None


def _channels(settings: Settings) -> Channels:
    try:
        return open_channels(
            smtp_url=settings.smtp_url,
            smtp_from=settings.smtp_from,
            sms_api_url=settings.sms_api_url,
            sms_api_user=settings.sms_api_user,
            sms_api_secret=settings.sms_api_secret,
            sms_from=settings.sms_from,
            is_development=settings.environment == "development",
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _kyc_provider(settings: Settings) -> KycProvider | None:
    if not settings.kyc_provider_url:
        return None
    try:
        return HttpKycProvider(url=settings.kyc_provider_url, token=settings.kyc_provider_token)
    except ValueError as error:
        raise SettingsError(f"KYC_PROVIDER_URL {error}") from None


def job_policy(settings: Settings) -> RetryPolicy:
    """How often, and how far apart, a failing job is tried."""
    first = timedelta(milliseconds=settings.queue_backoff_delay_ms)
    return RetryPolicy(
        attempts_max=settings.queue_max_retries, delay_first=first, delay_max=first * 150
    )
