"""What has to be in a database before it can be worked with: schema, rules, keys, samples."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from paywright.approvals import policy as approval_policy
from paywright.cli.private_file import write_private
from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.customers import store as customers
from paywright.customers.register import register_customer
from paywright.identity import users_store as users
from paywright.identity.change_password import set_password
from paywright.identity.manage import DEVELOPMENT, create_key, new_secret
from paywright.identity.passwords import new_password
from paywright.identity.permissions import Role
from paywright.identity.users import create_user
from paywright.issues import rules_engine
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.ledger.chart import chart, ensure_chart
from paywright.ledger.model import Account, AccountKind
from paywright.ledger.open import open_accounts
from paywright.payments import store as payments
from paywright.payments.record import record_charge
from paywright.risk import rule_set as risk_rules
from paywright.rulesets import store as rulesets
from paywright.rulesets.load import load_rule_set
from paywright.samples import (
    SAMPLE_BANKS,
    SAMPLE_CURRENCY,
    SAMPLE_PROVIDERS,
    sample_accounts,
    sample_customers,
    sample_transactions,
)
from paywright.telemetry.request_id import new_request_id
from paywright.wiring import App

_USER = "user"
_USER_EMAIL = "admin@paywright.example"


def system_cause() -> Cause:
    """The cause of what a command does by itself."""
    return Cause(actor=SYSTEM, at=datetime.now(UTC), request_id=new_request_id())


async def ensure_rules(app: App) -> bool:
    """Put the rules in force that come with Paywright, unless an operator chose some already."""
    ours = (
        (rules_engine.RULE_SET, rules_engine.SCHEMAS, rules_engine.default_source),
        (risk_rules.RULE_SET, risk_rules.SCHEMAS, risk_rules.default_source),
        (approval_policy.RULE_SET, approval_policy.SCHEMAS, approval_policy.default_source),
    )
    async with app.db.snapshot() as tx:
        missing = [it for it in ours if await rulesets.find_active(tx, it[0]) is None]
    for name, schemas, source in missing:
        await load_rule_set(
            app.db, system_cause(), source=source(), schemas=schemas, expected_name=name
        )
    return bool(missing)


async def ensure_development_keys(app: App, path: Path) -> dict[Role, str]:
    """One API key a role, kept in a private file beside the data. For development only."""
    secrets = _development_secrets(path)
    for role, secret in secrets.items():
        await create_key(
            app.db,
            system_cause(),
            name=f"development {role}",
            role=role,
            secret=secret,
            created_by=DEVELOPMENT,
        )
    return secrets


def _development_secrets(path: Path) -> dict[Role, str]:
    secrets: dict[Role, str] = {}
    kept: dict[str, Any] = {}
    if path.exists():
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        secrets = {role: str(kept[role]) for role in Role if role in kept}
    missing = [role for role in Role if role not in secrets]
    if missing:
        secrets |= {role: new_secret() for role in missing}
        write_private(path, msgspec.json.encode({**kept, **secrets}).decode())
    return secrets


async def ensure_development_user(app: App, path: Path) -> dict[str, str]:
    """An administrator to sign in as; address and password. For development only.

    path: of the private file with the development keys, which keeps the password, too
    """
    user = _development_user(path)
    cause = system_cause()
    async with app.db.snapshot() as tx:
        known = await users.find_by_email(tx, app.keys, user["email"])
    if known is None:
        await create_user(
            app.db,
            app.identity,
            cause,
            email=user["email"],
            name="Development",
            role=Role.ADMIN,
            password=user["password"],
            created_by=DEVELOPMENT,
        )
    elif not await app.identity.passwords.verify(known.password_hash, user["password"]):
        # The file was removed, or is that of another database.
        await set_password(app.db, app.identity, cause, user_id=known.id, password=user["password"])
    return user


def _development_user(path: Path) -> dict[str, str]:
    kept: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    if _USER not in kept:
        kept[_USER] = {"email": _USER_EMAIL, "password": new_password()}
        write_private(path, msgspec.json.encode(kept).decode())
    return kept[_USER]


async def load_samples(app: App) -> int:
    """Put the sample customers, transactions and accounts on file; how many were not there."""
    cause = system_cause()
    today = cause.at.replace(hour=0, minute=0, second=0, microsecond=0)
    people, charges = sample_customers(today), sample_transactions(today)
    async with app.db.snapshot() as tx:
        known = await customers.known(tx, [customer.id for customer in people])
        on_file = await payments.charges_by_reference(tx, [charge.reference for charge in charges])
    new_people = [customer for customer in people if customer.id not in known]
    new_charges = [charge for charge in charges if charge.reference not in on_file]
    for customer in new_people:
        await register_customer(app.db, app.keys, cause, customer=customer)
        await decide_by_hand(
            app.db,
            app.keys,
            cause,
            customer_id=customer.id,
            status=KycStatus.VERIFIED,
            reason="a sample, seen by nobody",
        )
    for charge in new_charges:
        await record_charge(app.db, cause, charge=charge)
    return len(new_people) + len(new_charges) + await _open_sample_accounts(app, cause)


async def _open_sample_accounts(app: App, cause: Cause) -> int:
    wanted = chart([SAMPLE_CURRENCY], SAMPLE_PROVIDERS, SAMPLE_BANKS)
    opened = len((await ensure_chart(app.db, cause, accounts=wanted)).opened)
    wallets = [
        Account(
            id=AccountId.new(cause.at),
            code=sample.code,
            owner=sample.owner,
            name=sample.name,
            currency=sample.currency,
            kind=AccountKind.LIABILITY,
            opened_at=cause.at,
            moved_at=cause.at,
        )
        for sample in sample_accounts()
    ]
    async with app.db.transaction() as tx:
        return opened + len(await open_accounts(tx, cause, wallets))
