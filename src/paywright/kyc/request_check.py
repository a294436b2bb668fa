"""Have a provider check who a customer is."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict
from paywright.core.ids import CheckId
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.customers.register import NoSuchCustomer
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.kyc import rules, store, subject
from paywright.kyc.model import Check, KycStatus
from paywright.kyc.tasks import ask_soon


class NoKycProvider(Conflict):
    """No KYC provider is set up here.

    An administrator sets KYC_PROVIDER_URL. Until then a person decides:
    `PUT /api/v1/customers/{customer_id}/kyc`.
    """


async def request_check(
    db: Database, keys: KeyRing, cause: Cause, *, customer_id: str, provider: str | None
) -> tuple[Check, bool]:
    """Put a check on file and have the provider asked; the check, and whether it is a new one.

    While one is open, asking again changes nothing and gets that one.

    provider: the name of the one that is set up
    Raises NoSuchCustomer, NoKycProvider, CustomerNameless.
    """
    cause.actor.require(Permission.MANAGE_KYC)
    if provider is None:
        raise NoKycProvider
    async with db.transaction() as tx:
        customer = await customers.find(tx, keys, customer_id)
        if customer is None:
            raise NoSuchCustomer(customer_id)
        subject.subject_of(customer)
        standing = await store.lock_standing(tx, customer_id, at=cause.at)
        if (known := await store.open_check(tx, customer_id)) is not None:
            return known, False
        check = Check(
            id=CheckId.new(cause.at),
            customer_id=customer_id,
            provider=provider,
            status=KycStatus.PENDING,
            subject_index=subject.index_of(keys, customer),
            requested_at=cause.at,
            requested_by=cause.actor.id,
        )
        await store.insert(tx, check, ask_at=cause.at + rules.PATIENCE)
        same = subject.is_about(keys, standing.subject_index, customer)
        status = rules.status_while_asking(standing.status, is_same_subject=same)
        await store.set_standing(tx, rules.moved(standing, status, at=cause.at))
        await ask_soon(tx, cause, [check.id])
        facts = {"check_id": str(check.id), "provider": provider}
        await emit(tx, cause, Event("kyc.requested", customer_id, facts))
    return check, True
