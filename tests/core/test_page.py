"""Cursors lead through a list without loss, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.core.page import BadCursor, decode_cursor, encode_cursor, page_of


@given(st.text())
def test_round_trip(position: str) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@given(total=st.integers(0, 40), limit=st.integers(1, 12))
def test_every_row_is_seen_once(total: int, limit: int) -> None:
    rows, seen, start = list(range(total)), [], 0
    while True:
        page = page_of(rows[start : start + limit + 1], limit=limit, position=str)
        seen += page.items
        if page.next_cursor is None:
            break
        start = int(decode_cursor(page.next_cursor)) + 1
    assert seen == rows


@pytest.mark.parametrize("cursor", ["!", "ab cd", "ä", "_w", "a"])
def test_nonsense_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(cursor)
