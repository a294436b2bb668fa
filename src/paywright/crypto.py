"""Encryption of single fields, and the index that finds them again without decrypting.

A token is: version (1 byte), length of the key id (1), key id, nonce (12), ciphertext and tag.
Version 1 is AES-256-GCM (NIST SP 800-38D) under a key derived by HKDF-SHA256 (RFC 5869). The
header and the context are authenticated, so a token works only where it was made for.
"""

import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_VERSION = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID = re.compile(r"[a-z0-9]{1,16}")
_KEY_HEX = re.compile(r"[0-9a-fA-F]{64}")
# Written and derived once; changing either makes every stored token unreadable.
_ENCRYPTION_INFO = b"paywright v1 field encryption"
_INDEX_INFO = b"paywright v1 blind index"
_HASH_INFO = b"paywright v1 keyed hash"


class DecryptionFailed(Exception):
    """The token was made with a key that is not in the ring, or is not authentic here.

    Not authentic: changed, cut, moved to another row or column, or no token at all. Which of
    these is not told, on purpose.
    """


class KeyRing:
    """The keys that can read, and the one that writes.

    keys:    32 random bytes by key id (1 to 16 of a-z, 0-9)
    current: the id of the key that new tokens are made with

    Raises ValueError for a bad id, a key of another length, a weak key, a missing current key.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError(f"key id must be 1 to 16 of a-z and 0-9: {key_id!r}")
            _check_key(key, f"key {key_id}")
        if current not in keys:
            raise ValueError(f"the current key {current!r} is not in the ring")
        self.current = current
        # Kept, since setting up a cipher costs as much as encrypting a name.
        self._ciphers = {i: AESGCM(_derive(key, _ENCRYPTION_INFO)) for i, key in keys.items()}
        self._index_keys = {i: _derive(key, _INDEX_INFO) for i, key in keys.items()}
        self._hash_keys = {i: _derive(key, _HASH_INFO) for i, key in keys.items()}
        self._header = _header_of(current)

    @classmethod
    def from_hex(cls, hex64: str, key_id: str) -> "KeyRing":
        """A ring of one key. Raises ValueError, naming ENCRYPTION_KEY."""
        return cls({key_id: key_from_hex(hex64)}, key_id)

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, keys={sorted(self._ciphers)})"

    def encrypt(self, plaintext: str, *, context: str) -> bytes:
        """A token that only `decrypt` with the same context opens.

        context: where the value belongs, `customers.email:cust_042`
        """
        # Random 96-bit nonces: safe for 2**32 tokens a key (SP 800-38D, 8.3: a collision is then
        # less likely than 2**-32). Rotate the key before four billion writes.
        nonce = os.urandom(_NONCE_BYTES)
        header = self._header
        sealed = self._ciphers[self.current].encrypt(
            nonce, plaintext.encode(), header + context.encode()
        )
        return header + nonce + sealed

    def decrypt(self, token: bytes, *, context: str) -> str:
        """The plaintext. Raises DecryptionFailed."""
        key_id = key_id_of(token)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise DecryptionFailed(f"key {key_id!r} is not in the ring")
        start = 2 + len(key_id)
        nonce, sealed = token[start : start + _NONCE_BYTES], token[start + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, token[:start] + context.encode()).decode()
        except InvalidTag:
            raise DecryptionFailed("not authentic") from None

    def needs_rotation(self, token: bytes) -> bool:
        """Whether the token was made with another key than the current one."""
        return key_id_of(token) != self.current

    def blind_index(self, value: str, *, field: str) -> bytes:
        """32 bytes that are equal for equal values of one field, under the current key.

        Leaks equality: who reads the database sees which rows share a value, and how often, but
        not which value. Never index what has few values, such as a country. Values are
        normalised first (`normalised`), so case and stray spaces do not matter.

        field: `customers.email`; the same value has an unrelated index in another field
        """
        return _index(self._index_keys[self.current], value, field)

    def blind_indexes(self, value: str, *, field: str) -> list[bytes]:
        """The index under every key of the ring, the current one first.

        For searching: during a rotation, rows with the index of either key are found.
        """
        others = [key for key_id, key in self._index_keys.items() if key_id != self.current]
        return [_index(key, value, field) for key in (self._index_keys[self.current], *others)]

    def keyed_hash(self, value: str, *, context: str) -> bytes:
        """A token that `is_hash_of` knows the value by, and nobody else learns it from.

        HMAC-SHA256 under the current key: for what has so few values that a plain hash could be
        tried out, as a code of six digits. Taken as it is, not normalised.

        context: where the value belongs; the token is good for nothing else
        """
        return self._header + _keyed(self._hash_keys[self.current], value, context)

    def is_hash_of(self, token: bytes, value: str, *, context: str) -> bool:
        """Whether `keyed_hash` made the token of this value. Takes as long for any value.

        False, too, when its key is not in the ring any more. Raises DecryptionFailed for what is
        no token.
        """
        key_id = key_id_of(token)
        key = self._hash_keys.get(key_id)
        if key is None:
            return False
        return hmac.compare_digest(token[2 + len(key_id) :], _keyed(key, value, context))


def key_id_of(token: bytes) -> str:
    """The id of the key a token was made with; not authenticated. Raises DecryptionFailed."""
    length = token[1] if len(token) > 1 and token[0] == _VERSION else 0
    key_id = token[2 : 2 + length].decode("ascii", "replace")
    if not _KEY_ID.fullmatch(key_id) or len(token) < 2 + length + _NONCE_BYTES + _TAG_BYTES:
        raise DecryptionFailed("not authentic")
    return key_id


def normalised(value: str) -> str:
    """The form in which values are compared: NFKC, without outer spaces, without case."""
    folded = unicodedata.normalize("NFKC", value).strip().casefold()
    return unicodedata.normalize("NFKC", folded)  # folding case can undo the normal form


def key_from_hex(hex64: str, *, source: str = "ENCRYPTION_KEY") -> bytes:
    """The 32 bytes. Raises ValueError, naming `source` and never the key."""
    if not _KEY_HEX.fullmatch(hex64):
        raise ValueError(
            f"{source} must be 64 hexadecimal digits (32 random bytes), not {len(hex64)} "
            "characters of whatever it is; `openssl rand -hex 32` makes one"
        )
    key = bytes.fromhex(hex64)
    _check_key(key, source)
    return key


def development_key(path: Path) -> str:
    """The key in the file at `path` as 64 hexadecimal digits, made up when there is no file.

    Of two processes that start at once, both get the key of the one that was first. Raises
    ValueError when the file holds anything else, and OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create_exclusively(path, secrets.token_hex(KEY_BYTES))
    text = path.read_bytes().decode("ascii", "replace").strip()
    try:
        key_from_hex(text, source=f"the key in {path}")
    except ValueError as error:
        raise ValueError(
            f"{error}. Restore the file; deleting it makes a new key, and what was encrypted "
            "with the old one is lost"
        ) from None
    return text


def _create_exclusively(path: Path, text: str) -> None:
    """Make the file with all of its content at once, unless it is there by then."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(descriptor)
        # Unlike renaming, linking fails when the name is taken; and nobody sees half a file.
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key counts
    finally:
        draft.unlink()


def _check_key(key: bytes, source: str) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError(f"{source} must be {KEY_BYTES} bytes, not {len(key)}")
    # 32 random bytes have fewer than 8 different ones about once in 2**120 keys.
    if len(set(key)) < 8:
        raise ValueError(f"{source} is no random key: it repeats itself")


def _header_of(key_id: str) -> bytes:
    return bytes((_VERSION, len(key_id))) + key_id.encode()


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _keyed(key: bytes, value: str, context: str) -> bytes:
    name = context.encode()
    return hmac.digest(key, len(name).to_bytes(4, "big") + name + value.encode(), "sha256")


def _index(key: bytes, value: str, field: str) -> bytes:
    name = field.encode()
    # The length keeps field and value apart: "ab" + "c" is not "a" + "bc".
    message = len(name).to_bytes(2, "big") + name + normalised(value).encode()
    return hmac.digest(key, message, "sha256")
