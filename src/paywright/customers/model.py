"""A customer, in the clear: only ever in memory."""

from datetime import datetime

import msgspec

from paywright.core.errors import Invalid


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the caller's own name for the customer."""

    id: str
    customer_since: datetime
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2


class UnknownCustomer(Invalid):
    """The customer is not on file.

    Register the customer first: `PUT /api/v1/customers/{customer_id}`.
    """
