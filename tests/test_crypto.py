"""Field encryption: what opens, what does not, and what can be told apart."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from paywright.crypto import (
    DecryptionFailed,
    KeyRing,
    development_key,
    key_id_of,
    normalised,
)

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
HEX = OLD.hex()
CONTEXT = "customers.email:cust_042"
RING = KeyRing.from_hex(HEX, "k1")
ROTATED = KeyRing({"k1": OLD, "k2": NEW}, "k2")


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.text(alphabet="a.:é☃", min_size=1),
)
def test_what_was_encrypted_can_be_read(plaintext: str, context: str) -> None:
    token = RING.encrypt(plaintext, context=context)
    assert RING.decrypt(token, context=context) == plaintext
    assert len(token) == 2 + 2 + 12 + len(plaintext.encode()) + 16


def test_the_same_text_never_gives_the_same_token() -> None:
    tokens = {RING.encrypt("Erika", context=CONTEXT) for _ in range(1000)}
    assert len(tokens) == 1000
    assert len({token[4:16] for token in tokens}) == 1000  # the nonces


TOKEN = RING.encrypt("erika@example.com", context=CONTEXT)


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_a_change_of_any_byte_is_noticed(position: int, flip: int) -> None:
    changed = bytearray(TOKEN)
    changed[position] ^= flip
    with pytest.raises(DecryptionFailed):
        RING.decrypt(bytes(changed), context=CONTEXT)


def test_every_byte_of_a_token_counts_and_so_does_its_length() -> None:
    for position in range(len(TOKEN)):
        changed = TOKEN[:position] + bytes([TOKEN[position] ^ 1]) + TOKEN[position + 1 :]
        with pytest.raises(DecryptionFailed):
            RING.decrypt(changed, context=CONTEXT)
        with pytest.raises(DecryptionFailed):
            RING.decrypt(TOKEN[:position], context=CONTEXT)
    with pytest.raises(DecryptionFailed):
        RING.decrypt(TOKEN + b"\0", context=CONTEXT)


@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_fail(token: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        RING.decrypt(token, context=CONTEXT)


@pytest.mark.parametrize(
    "context", ["customers.email:cust_043", "customers.phone:cust_042", "", CONTEXT + " "]
)
def test_a_value_moved_elsewhere_cannot_be_read(context: str) -> None:
    with pytest.raises(DecryptionFailed, match=r"^not authentic$"):
        RING.decrypt(TOKEN, context=context)


def test_a_key_id_may_not_be_exchanged_even_for_the_same_key() -> None:
    twins = KeyRing({"k1": OLD, "k2": OLD}, "k1")
    with pytest.raises(DecryptionFailed):
        twins.decrypt(TOKEN.replace(b"k1", b"k2", 1), context=CONTEXT)


def test_an_unknown_key_is_named() -> None:
    token = ROTATED.encrypt("x", context=CONTEXT)
    with pytest.raises(DecryptionFailed, match="'k2' is not in the ring"):
        RING.decrypt(token, context=CONTEXT)


def test_rotation_reads_the_old_and_writes_the_new() -> None:
    assert ROTATED.decrypt(TOKEN, context=CONTEXT) == "erika@example.com"
    assert ROTATED.needs_rotation(TOKEN)
    token = ROTATED.encrypt("x", context=CONTEXT)
    assert not ROTATED.needs_rotation(token)
    assert (key_id_of(TOKEN), key_id_of(token)) == ("k1", "k2")


def test_a_token_written_by_the_first_version_is_still_readable() -> None:
    # Computed apart, with HKDF written out by hand after RFC 5869.
    token = bytes.fromhex(
        "01026b31000102030405060708090a0b"
        "db1b4f45702e75487a6584bb331ded227af5fc87ed2bad8663da37803fe8cbc771"
    )
    assert RING.decrypt(token, context=CONTEXT) == "erika@example.com"
    assert RING.blind_index("erika@example.com", field="customers.email").hex() == (
        "2b74613e90aa9ddad3f3fc4cce205ec9af42388c56e455b3174bb8ac9f394bc9"
    )


def test_the_master_key_itself_encrypts_nothing() -> None:
    with pytest.raises(InvalidTag):
        AESGCM(OLD).decrypt(TOKEN[4:16], TOKEN[16:], TOKEN[:4] + CONTEXT.encode())


@pytest.mark.parametrize(
    "text", ["", "abc", HEX[:-1], HEX + "0", HEX[:-1] + "g", HEX + "\n", " " + HEX, "0x" + HEX[2:]]
)
def test_only_64_hexadecimal_digits_are_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="ENCRYPTION_KEY must be 64 hexadecimal digits") as caught:
        KeyRing.from_hex(text, "k1")
    assert len(text) < 8 or text not in str(caught.value)


@pytest.mark.parametrize("text", ["00" * 32, "ff" * 32, "ab" * 32, "deadbeef" * 8])
def test_weak_keys_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ENCRYPTION_KEY is no random key"):
        KeyRing.from_hex(text, "k1")
    with pytest.raises(ValueError, match="key k1 is no random key"):
        KeyRing({"k1": bytes.fromhex(text)}, "k1")


def test_rings_are_checked() -> None:
    with pytest.raises(ValueError, match="'k9' is not in the ring"):
        KeyRing({"k1": OLD}, "k9")
    with pytest.raises(ValueError, match="key id must be"):
        KeyRing({"K 1": OLD}, "K 1")
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        KeyRing({"k1": OLD[:16]}, "k1")


def test_a_ring_does_not_show_its_keys() -> None:
    shown = repr(ROTATED) + str(ROTATED)
    assert shown.startswith("KeyRing(current='k2', keys=['k1', 'k2'])")
    assert HEX not in shown


@pytest.mark.parametrize(
    "variant",
    [" Erika@Example.COM ", "erika@example.com\n", "ＥＲＩＫＡ@example.com"],  # noqa: RUF001
)
def test_the_index_does_not_mind_case_spaces_and_width(variant: str) -> None:
    expected = RING.blind_index("erika@example.com", field="customers.email")
    assert RING.blind_index(variant, field="customers.email") == expected
    assert len(expected) == 32


def test_the_index_tells_values_fields_and_keys_apart() -> None:
    indexes = {
        ring.blind_index(value, field=field)
        for ring in (RING, ROTATED)
        for field, value in [("a", "bc"), ("ab", "c"), ("a", "bd"), ("", "abc")]
    }
    assert len(indexes) == 8


def test_during_a_rotation_both_indexes_are_searched() -> None:
    found = ROTATED.blind_indexes("x", field="f")
    assert found == [ROTATED.blind_index("x", field="f"), RING.blind_index("x", field="f")]


@given(st.text())
def test_normalising_twice_changes_nothing(value: str) -> None:
    assert normalised(normalised(value)) == normalised(value)


def test_a_development_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    key = development_key(path)
    assert re.fullmatch(r"[0-9a-f]{64}", key)
    assert development_key(path) == key
    assert development_key(tmp_path / "other") != key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]
    KeyRing.from_hex(key, "dev")


@pytest.mark.parametrize("content", ["", "abc", HEX + HEX, "00" * 32, "\u00e9" * 32])
def test_a_malformed_key_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        development_key(path)
    assert path.read_text() == content
    assert len(content) < 8 or content not in str(caught.value)


def test_a_process_that_comes_second_gets_the_key_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_text(HEX)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # it looked before the other wrote
    assert development_key(path) == HEX
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with get_context("spawn").Pool(4) as pool:
        for attempt in range(20):
            path = tmp_path / str(attempt)
            assert len(set(pool.map(development_key, [path] * 4, chunksize=1))) == 1


def test_threads_share_a_ring() -> None:
    def round_trip(number: int) -> bool:
        context = f"t.c:{number}"
        return RING.decrypt(RING.encrypt(str(number), context=context), context=context) == str(
            number
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(2000)))
