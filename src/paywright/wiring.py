"""Build the application once, from settings. The only place that knows every part."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from paywright.core.backoff import RetryPolicy
from paywright.crypto import KeyRing, development_key
from paywright.db.pool import Database, DatabaseUnavailable
from paywright.issues import rules_engine
from paywright.issues.route import Thresholds, thresholds
from paywright.rulesets.cache import RuleSetCache
from paywright.settings import Settings

log = structlog.get_logger()

_DATABASE_PATIENCE_S = 60
_DATABASE_RETRIES_PER_S = 2


@dataclass(frozen=True, slots=True)
class App:
    """What use-cases are given by the edges."""

    settings: Settings
    db: Database
    keys: KeyRing
    issue_rules: RuleSetCache
    thresholds: Thresholds

    async def close(self) -> None:
        await self.db.close()


async def build(settings: Settings, *, url: str, application: str) -> App:
    """Connect, and put the parts together.

    url:         of the database, which `settings` leaves open for the embedded one
    application: how PostgreSQL is to list our connections
    Raises DatabaseUnavailable, and ValueError for an unusable ENCRYPTION_KEY.
    """
    keys = key_ring(settings)
    db = await Database.connect(
        url, connections_max=settings.database_pool_max, application=application
    )
    return App(
        settings=settings,
        db=db,
        keys=keys,
        issue_rules=RuleSetCache(rules_engine.RULE_SET, rules_engine.SCHEMAS),
        thresholds=thresholds(
            auto_resolve=settings.ai_auto_resolve_threshold,
            human_review=settings.ai_human_review_threshold,
            confidence_threshold=settings.confidence_threshold,
        ),
    )


async def build_patiently(settings: Settings, *, url: str, application: str) -> App:
    """The same for a server: a database that is not up yet is waited for, a minute at most."""
    for _ in range(_DATABASE_PATIENCE_S * _DATABASE_RETRIES_PER_S):
        try:
            return await build(settings, url=url, application=application)
        except DatabaseUnavailable as error:
            log.warning("database.awaited", application=application, reason=str(error))
            await asyncio.sleep(1 / _DATABASE_RETRIES_PER_S)
    return await build(settings, url=url, application=application)


def key_ring(settings: Settings) -> KeyRing:
    """The encryption keys: those of the settings, else ones made for this folder alone."""
    hex_key = settings.encryption_key or development_key(
        settings.paywright_data_dir / "encryption.key"
    )
    return KeyRing.from_hex(hex_key, settings.encryption_key_id)


def job_policy(settings: Settings) -> RetryPolicy:
    """How often, and how far apart, a failing job is tried."""
    first = timedelta(milliseconds=settings.queue_backoff_delay_ms)
    return RetryPolicy(
        attempts_max=settings.queue_max_retries, delay_first=first, delay_max=first * 150
    )
