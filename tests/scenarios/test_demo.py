"""`paywright demo`, as somebody who tries Paywright for the first time."""

import re

import pytest
from tests.scenarios.house import House

from paywright.samples import sample_issues

pytestmark = pytest.mark.faults

# A second look at what another bank was sent comes five seconds later, and finds nothing to do;
# yesterday is compared with the providers whenever the worker gets to it.
COUNTS = """
    select (select count(*) from issues) as issues,
           (select count(*) from decisions) as decisions,
           (select count(*) from customers) as customers,
           (select count(*) from payments) as payments,
           (select count(*) from api_keys) as keys,
           (select count(*) from events where type = 'issue.opened') as opened,
           (select count(*) from events where type = 'issue.decided') as decided,
           (select string_agg(entrypoint || ' ' || status, ', ') from pgqueuer
             where entrypoint not in ('settle_payment', 'reconcile')) as jobs
"""


def tables(said: str) -> list[list[list[str]]]:
    """Each table that was shown, header first."""
    return [
        [
            [cell.strip() for cell in line.strip("│").split("│")]
            for line in part.splitlines()
            if "│" in line
        ]
        for part in said.split("╭")[1:]
    ]


def test_the_first_demo_shows_a_decision_for_every_sample(house: House) -> None:
    demo = house.run("demo")
    assert demo.wait() == 0, demo.said() + demo.complained()
    assert demo.complained() == ""
    movements, checks, charges, bills, accounts, [header, *table] = tables(demo.said())
    assert [row[3] for row in movements[1:]] == [
        *("succeeded", "succeeded", "succeeded", "insufficient-funds"),
        *("open", "posted", "open"),
    ]
    assert [row[3] for row in checks[1:] if row[0]] == [
        *("succeeded", "succeeded", "succeeded", "declined", "succeeded"),
    ]
    assert [row[3] for row in charges[1:] if row[0]] == ["succeeded", "failed", "succeeded"]
    assert [row[4] for row in bills[1:] if row[0]] == [
        *("succeeded", "succeeded", "refused", "rejected"),
    ]
    assert ["vendors:payable:EUR", "liability", "7614.50 EUR", "7614.50 EUR"] in accounts
    assert ["wallet:cust_108:EUR", "liability", "59.99 EUR", "29.99 EUR"] in accounts
    assert ["wallet:cust_217:EUR", "liability", "12075.00 EUR", "12075.00 EUR"] in accounts
    assert header == ["Issue ID", "Type", "Decision", "Confidence", "Routing"]
    assert [row[1] for row in table] == [sample.type for sample in sample_issues()]
    for issue_id, _, action, confidence, routing in table:
        assert re.fullmatch("iss_[0-9a-z]{26}", issue_id)
        assert re.fullmatch(r"\d{1,3} %", confidence)
        assert routing in {"auto_resolve", "human_review", "escalate"}
        assert action
    assert {row[4] for row in table} == {"auto_resolve", "human_review", "escalate"}
    assert house.is_empty()

    again = house.run("demo")
    assert again.wait() == 0, again.said() + again.complained()
    assert tables(again.said()) == [
        *(movements, checks, charges, bills, accounts),
        [header, *table],
    ]
    assert house.is_empty()
    [counts] = house.query(COUNTS)
    # One issue is about the payment that was declined.
    assert counts == {
        "issues": 11, "decisions": 11, "customers": 5, "payments": 23, "keys": 6,
        "opened": 11, "decided": 11, "jobs": None,
    }  # fmt: skip


def test_any_data_folder_will_do(house: House) -> None:
    house = House(house.folder, data_dir="größe 支付/100%25 & 'quoted'")
    told = house.told("demo")
    assert told["url"] == f"http://127.0.0.1:{house.port}"
    issues = told["issues"]
    assert [issue["type"] for issue in issues] == [sample.type for sample in sample_issues()]
    assert all(issue["decision"] for issue in issues)
    assert house.is_empty()
    dead = house.told("jobs", "dead")
    assert dead == []
