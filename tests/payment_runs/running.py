"""An office that pays in runs: vendors of which some are paid by a provider and some in files."""

from secrets import token_hex
from typing import Any

from tests.payments.paying import PAYEE, Office, somebody
from tests.simulator.simulating import IBAN

from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.ids import RunId
from paywright.db.pool import Database
from paywright.idempotency import Answer
from paywright.identity.permissions import Role
from paywright.payment_runs.cancel import cancel_run
from paywright.payment_runs.collect import RUN_MAX, create_run
from paywright.payment_runs.export import PaymentFile, export_run
from paywright.payment_runs.model import FileTerms, PaymentRun, RunMethod, Taken
from paywright.payment_runs.release import Departure, release_run
from paywright.payment_runs.take_report import take_report
from paywright.payment_runs.views import RunShown, get_run
from paywright.payments.orders import Answered
from paywright.payments.vendor.model import VendorPayment
from paywright.vendors.model import PayoutMode

TERMS = FileTerms(
    debtor_name="Werkstatt Nord GmbH",
    debtor_iban=IBAN,
    debtor_bic="DEUTDEFF",
    settled_statuses=frozenset({"ACSC", "ACCC"}),
)
NO_FILES = FileTerms(
    debtor_name="", debtor_iban="", debtor_bic=None, settled_statuses=TERMS.settled_statuses
)
IN_FILES = Beneficiary(name="Süd & Söhne KG", bank="bank_files", iban="FR1420041010050500013M02606")


def treasurer(**changes: Any) -> Cause:
    return somebody("usr_olga", Role.OPERATOR, **changes)


class Payroll:
    """What people who manage runs do."""

    def __init__(self, office: Office, terms: FileTerms = TERMS) -> None:
        self.office, self.terms = office, terms
        self.app = office.app
        self._made = 0

    @property
    def db(self) -> Database:
        return self.app.db

    async def prepare(self) -> None:
        """`nordlicht` is paid at once, `weser` with the next run, `sued` in files."""
        await self.office.register("weser", payout=PAYEE, payout_mode=PayoutMode.RUN)
        await self.office.register("sued", payout=IN_FILES)

    async def waiting(self, *amounts: int, vendor: str = "weser") -> list[VendorPayment]:
        """Approved payments that wait for a run."""
        made = []
        for minor in amounts:
            number = token_hex(6).upper()  # of a bill like no other
            entered = await self.office.enter(minor, vendor_id=vendor, bill_number=number)
            people = ("usr_anna", "usr_ben")[: entered.approvals_needed]
            made.append(await self.office.approved(entered, *people))
        return made

    async def ask(self, method: RunMethod = RunMethod.PROVIDER, **changes: Any) -> Answered:
        self._made += 1
        asked = {"key": f"run-{self._made}", "currency": "EUR", "method": method, "limit": RUN_MAX}
        cause = changes.pop("cause", None) or treasurer()
        terms = changes.pop("terms", self.terms)
        return await create_run(
            self.db, terms, cause, render=lambda run: str(run.id).encode(), **asked | changes
        )

    async def collect(self, method: RunMethod = RunMethod.PROVIDER, **changes: Any) -> PaymentRun:
        return (await self.see(id_of((await self.ask(method, **changes)).answer))).run

    async def see(self, run_id: RunId) -> RunShown:
        return await get_run(self.db, treasurer(), run_id=run_id, limit=RUN_MAX)

    async def release(self, run: PaymentRun, **changes: Any) -> Departure:
        return await release_run(
            self.db, self.app.vendor_parts, treasurer(**changes), run_id=run.id
        )

    async def cancel(self, run: PaymentRun) -> PaymentRun:
        return await cancel_run(self.db, treasurer(), run_id=run.id)

    async def export(self, run: PaymentRun, **changes: Any) -> PaymentFile:
        return await export_run(self.db, self.app.vendor_parts, treasurer(**changes), run_id=run.id)

    async def take(self, data: bytes, run: PaymentRun | None = None) -> Taken:
        run_id = None if run is None else run.id
        return await take_report(self.db, self.terms, treasurer(), data=data, run_id=run_id)


def id_of(answer: Answer) -> RunId:
    return RunId.parse(answer.body.decode())
