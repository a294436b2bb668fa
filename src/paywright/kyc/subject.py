"""Which name and which country a check was about, so that a verdict is not taken for another's."""

from paywright.core.errors import Invalid
from paywright.crypto import KeyRing
from paywright.customers.model import Customer
from paywright.kyc.model import Subject


class CustomerNameless(Invalid):
    """The customer has no name on file, so nobody can be checked.

    Put the name on file first: `PUT /api/v1/customers/{customer_id}`.
    """


def is_nameless(customer: Customer) -> bool:
    return not customer.name or not customer.name.strip()


def subject_of(customer: Customer) -> Subject:
    """Raises CustomerNameless."""
    if customer.name is None or is_nameless(customer):
        raise CustomerNameless(customer.id)
    return Subject(customer_id=customer.id, name=customer.name, country=customer.country)


def index_of(keys: KeyRing, customer: Customer) -> bytes:
    """32 bytes that change when the name or the country does, and tell nobody what they are."""
    return keys.blind_index(_text(customer), field="kyc_checks.subject")


def is_about(keys: KeyRing, index: bytes | None, customer: Customer) -> bool:
    """Whether a check with this index was about the customer as it is on file now."""
    return index is not None and index in keys.blind_indexes(
        _text(customer), field="kyc_checks.subject"
    )


def _text(customer: Customer) -> str:
    # The id, too: two customers of one name do not look alike in the database.
    return "\n".join((customer.id, customer.country or "", customer.name or ""))
