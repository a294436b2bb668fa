import re

import pytest

from paywright.telemetry import accept_request_id, new_request_id, redact


def test_new_ids_differ_are_acceptable_and_survive_redaction() -> None:
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", i) and accept_request_id(i) == i for i in ids)
    assert redact(sorted(ids)) == sorted(ids)


@pytest.mark.parametrize("header", ["a", "A.b-c_9", "x" * 64])
def test_a_harmless_id_of_the_caller_is_kept(header: str) -> None:
    assert accept_request_id(header) == header


@pytest.mark.parametrize("header", [None, "", "x" * 65, "a b", "a\n", "é", "a;b", "٣", "{}"])
def test_any_other_is_replaced(header: str | None) -> None:
    assert accept_request_id(header).startswith("req_")
