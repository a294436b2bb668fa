"""What runs and payments are called in files for a bank. Pure.

Banks know no underscores. Source: EPC217-08, "SEPA Requirements for an Extended Character Set".
"""

from paywright.core.ids import PaymentId, RunId


def message_id(run_id: RunId) -> str:
    """The name of a run's file: `run-01jf…`, 30 characters."""
    return str(run_id).replace("_", "-")


def end_to_end_id(payment_id: PaymentId) -> str:
    """The name of a payment: `pay-01jf…`, 30 characters."""
    return str(payment_id).replace("_", "-")


def payment_of(end_to_end_id: str) -> PaymentId | None:
    """The payment that a bank names so, in whichever case; None: it is none of ours."""
    try:
        return PaymentId.parse(end_to_end_id.strip().lower().replace("-", "_"))
    except ValueError:
        return None
