"""Payments, refunds and providers through whatever goes wrong, many times over: in the end our
books are those of the outside. More seeds: FAULTS_SEEDS=1000-1050. By hand: `make faults SEED=7`.
"""

import os

import pytest
from tests.faults.providers_plan import plan_of
from tests.faults.providers_run import seeds_of
from tests.faults.providers_scenario import run_plan

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]
SEEDS = seeds_of(os.environ.get("FAULTS_SEEDS", "1-8"))


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_payment_is_carried_out_once_or_not_at_all(
    seed: int, database_url: str
) -> None:
    outcome = await run_plan(database_url, plan_of(seed, payments=60))
    assert not outcome.wrong, outcome.told()


def test_the_same_seed_makes_the_same_plan() -> None:
    assert plan_of(7, payments=60) == plan_of(7, payments=60)
    assert plan_of(7, payments=60) != plan_of(8, payments=60)
