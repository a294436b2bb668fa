"""Hashes of what has few values: known again under the same key, and by nobody else."""

import pytest
from tests.builders import TEST_KEY

from paywright.crypto import DecryptionFailed, KeyRing, key_from_hex

OLD, NEW = key_from_hex(TEST_KEY), key_from_hex("f1e2d3c4b5a69788" + TEST_KEY[16:])
KEYS = KeyRing({"k1": OLD}, "k1")


def test_a_value_is_known_again_in_its_place_only() -> None:
    token = KEYS.keyed_hash("123456", context="codes:1")
    assert KEYS.is_hash_of(token, "123456", context="codes:1")
    assert not KEYS.is_hash_of(token, "123457", context="codes:1")
    assert not KEYS.is_hash_of(token, "123456", context="codes:2")


def test_value_and_context_do_not_run_together() -> None:
    token = KEYS.keyed_hash("23456", context="codes:1")
    assert not KEYS.is_hash_of(token, "3456", context="codes:12")


def test_nothing_is_normalised() -> None:
    token = KEYS.keyed_hash("123456", context="")
    assert not KEYS.is_hash_of(token, " 123456", context="")
    full_width = "".join(chr(ord(char) + 0xFEE0) for char in "123456")
    assert not KEYS.is_hash_of(token, full_width, context="")


def test_a_hash_outlives_a_rotation_and_dies_with_its_key() -> None:
    token = KEYS.keyed_hash("123456", context="")
    rotating = KeyRing({"k1": OLD, "k2": NEW}, "k2")
    assert rotating.is_hash_of(token, "123456", context="")
    assert not KeyRing({"k2": NEW}, "k2").is_hash_of(token, "123456", context="")
    # Another key under the same id.
    assert not KeyRing({"k1": NEW}, "k1").is_hash_of(token, "123456", context="")


def test_the_key_is_not_that_of_the_blind_index() -> None:
    assert KEYS.blind_index("123456", field="codes") not in KEYS.keyed_hash(
        "123456", context="codes"
    )


@pytest.mark.parametrize("token", [b"", b"123456", b"\x01\x02k1"])
def test_what_is_no_token_is_no_hash(token: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        KEYS.is_hash_of(token, "123456", context="")
