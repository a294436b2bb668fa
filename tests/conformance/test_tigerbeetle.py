"""The tests of TigerBeetle's state machine, replayed through this ledger.

Their file stands beside the project, not in it; without it these tests are skipped.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.tigerbeetle import OUT_OF_SCOPE, RESULTS, Replay

from paywright.db.pool import Database

FILE = (
    Path(__file__).parents[2].parent
    / "shared/testdata/09_ledger/tigerbeetle_state_machine_tests.json"
)
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE.name} is not beside the project")

BALANCING = "create_transfers: balancing_debit & balancing_credit"
INVARIANT = "create_transfers: per-transfer balance invariant"
# They let a balancing movement move nothing; here it is refused, and its chain with it.
DIFFERENCES = {
    (BALANCING, 0): {"T3": "exceeds_available", "T5": "exceeds_available"},
    (INVARIANT, 0): {"T4": "linked_failed", "T5": "exceeds_available", "T6": "linked_failed"},
    (INVARIANT, 1): {"T4": "linked_failed", "T5": "exceeds_available", "T6": "linked_failed"},
}
# How many steps of each test are replayed, at least: so that none passes by being left out.
FLOORS = {
    ("linked_event_chain_open", 0): 8,
    ("create_transfers/lookup_transfers", 0): 40,
    ("create/lookup expired transfers", 0): 27,
    ("create_transfers: balancing_debit | balancing_credit (amount=maxInt, balance≈maxInt)", 0): 14,
    (BALANCING, 0): 19,
    ("create_transfers: multiple debits, single credit, balancing debits", 0): 21,
    ("create_transfers: multiple debits, single credit, balancing debits", 1): 15,
    (INVARIANT, 0): 12,
    (INVARIANT, 1): 12,
    ("imported events: timestamp", 0): 13,
    ("imported events: pending transfers", 0): 9,
    ("imported events: linked chain", 0): 9,
    ("create_accounts: closed accounts", 0): 2,
    ("get_account_transfers: single-phase", 0): 34,
    ("get_account_transfers: two-phase", 0): 7,
    ("get_account_transfers: invalid filter", 0): 6,
    ("get_account_balances: two-phase", 0): 7,
    ("get_account_balances: invalid filter", 0): 6,
    ("query_accounts", 0): 8,
}


@cache
def _tests() -> dict[tuple[str, int], list[dict[str, Any]]]:
    tests = json.loads(FILE.read_text())["tests"]
    return {(it["name"], it["part"]): it["actions"] for it in tests}


@pytest.mark.parametrize(("name", "part"), FLOORS)
async def test_replays_as_in_tigerbeetle(name: str, part: int, db: Database) -> None:
    replay = Replay(db, DIFFERENCES.get((name, part), {}))
    await replay.run(_tests()[name, part])
    assert replay.replayed >= FLOORS[name, part], replay.left_out


def test_no_test_of_theirs_is_left_out() -> None:
    assert set(FLOORS) == set(_tests())


def test_each_result_of_theirs_is_ours_or_has_a_reason_not_to_be() -> None:
    steps = [it["create_transfer"] for test in _tests().values() for it in test if _moves(it)]
    assert {step["status"] for step in steps} <= RESULTS.keys() | OUT_OF_SCOPE.keys()
    assert not RESULTS.keys() & OUT_OF_SCOPE.keys()
    left_out = sum(step["status"] in OUT_OF_SCOPE for step in steps)
    assert left_out < len(steps) * 0.4


def _moves(action: dict[str, Any]) -> bool:
    return "create_transfer" in action
