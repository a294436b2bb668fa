"""The sample commands, without a server and beside a running one."""

import pytest
from tests.processes import sentence
from tests.scenarios.house import House, decided, running

pytestmark = pytest.mark.faults

ISSUES = "select status, count(*) as n from issues group by 1 order by 1"
UNDECIDED = {"removed": 0, "opened": 10, "already_there": 0}


def test_samples_are_put_in_decided_and_put_in_anew_without_a_server(house: House) -> None:
    assert house.told("ingest-samples") == UNDECIDED
    assert house.told("ingest-samples") == {"removed": 0, "opened": 0, "already_there": 10}
    assert house.query(ISSUES) == [{"status": "pending", "n": 10}]
    issues = house.told("process-samples")
    assert len(issues) == 10
    assert all(issue["decision"] for issue in issues)
    assert [issue["id"] for issue in house.told("process-samples")] == [i["id"] for i in issues]
    assert house.told("ingest-samples", "--clear") == {
        "removed": 10, "opened": 10, "already_there": 0,
    }  # fmt: skip
    assert house.query(ISSUES) == [{"status": "pending", "n": 10}]
    assert house.is_empty()


def test_people_are_told_in_words(lived_in: House) -> None:
    ingest = lived_in.run("ingest-samples", "--clear")
    assert ingest.wait() == 0, ingest.complained()
    assert "10 sample issues opened, 0 were there already, 10 removed before" in ingest.said()
    process = lived_in.run("process-samples")
    assert process.wait() == 0, process.complained()
    assert process.said().count("iss_") == 10
    for command in (["jobs", "list"], ["jobs", "dead"], ["settings"], ["migrate", "--check"]):
        done = lived_in.run(*command)
        assert done.wait() == 0, done.complained()
        assert done.said().strip()


def test_beside_a_running_server_its_worker_decides_them(lived_in: House) -> None:
    with running(lived_in), lived_in.client() as client:
        told = lived_in.told("ingest-samples", "--clear")
        assert told == {"removed": 10, "opened": 10, "already_there": 0}
        # Whoever is faster, the worker or the command: each issue is decided once.
        issues = lived_in.told("process-samples")
        assert len(issues) == 10
        for issue in issues:
            assert decided(client, issue["id"])["decision"]
        assert lived_in.told("ingest-samples")["already_there"] == 10
        refused = lived_in.run("jobs", "requeue", "1")
        assert refused.wait() == 1
        assert "not dead: 1" in sentence(refused.complained())
    # Ten samples, and the payment that was declined.
    assert lived_in.query("select count(*) as n from decisions") == [{"n": 11}]
    twice = "select subject from events where type = 'issue.decided' group by 1 having count(*) > 1"
    assert lived_in.query(twice) == []
    # A second look at what another bank was sent may still be to come.
    left = "select count(*) as n from pgqueuer where entrypoint <> 'settle_payment'"
    assert lived_in.query(left) == [{"n": 0}]
