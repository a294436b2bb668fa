"""The worker screens: what its job and its schedule do, on the application as it is built."""

from collections.abc import AsyncIterator

import pytest
from tests.builders import NOON, TEST_KEY, a_cause
from tests.screening.listed import QUORRINGER, VEXLEY, load, register

from paywright.jobs.model import Run
from paywright.screening.jobs import run_rescreen, run_screen_changed
from paywright.screening.records import ScreeningStatus
from paywright.screening.standing import standings
from paywright.screening.tasks import RescreenCustomers
from paywright.settings import Settings
from paywright.wiring import App, build


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    built = await build(Settings(encryption_key=TEST_KEY), url=database_url, application="test")
    yield built
    await built.close()


async def test_new_customers_are_screened_and_screened_again_when_a_list_changes(app: App) -> None:
    run = Run(app=app, cause=a_cause(at=NOON), attempt=1, job_id=1, causes=[a_cause()])
    await load(app.db, VEXLEY)
    await register(app.db, "c1", "Zoltan Arvid Vexley")
    await register(app.db, "c2", "Ismelda Quorringer")
    await run_screen_changed(run)
    await load(app.db, VEXLEY, QUORRINGER)
    await run_rescreen(run, RescreenCustomers())
    async with app.db.snapshot() as tx:
        now = await standings(tx, ["c1", "c2"])
    assert now.current_generation == 2
    assert {it.generation for it in now.by_customer.values()} == {2}
    assert {it.status for it in now.by_customer.values()} == {ScreeningStatus.HIT}
