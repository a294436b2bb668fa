"""Where a vendor's money goes, as it is kept: encrypted, and only for its own vendor. What is found
or compared without opening it is a keyed digest: account numbers are few enough to be tried out."""

import hashlib

import msgspec

from paywright.core.beneficiary import Beneficiary
from paywright.core.ids import VendorChangeId
from paywright.crypto import KeyRing

_encode = msgspec.json.Encoder(order="sorted").encode


def seal(keys: KeyRing, vendor_id: str, payout: Beneficiary) -> bytes:
    return keys.encrypt(msgspec.json.encode(payout).decode(), context=_context(vendor_id))


def unseal(keys: KeyRing, vendor_id: str, token: bytes) -> Beneficiary:
    text = keys.decrypt(token, context=_context(vendor_id))
    return msgspec.json.decode(text, type=Beneficiary)


def account_index(keys: KeyRing, payout: Beneficiary) -> bytes:
    """What vendors with the same account have in common, under the current key."""
    return keys.blind_index(_account(payout), field="vendors.account")


def account_indexes(keys: KeyRing, payout: Beneficiary) -> list[bytes]:
    """The same under every key of the ring: for searching."""
    return keys.blind_indexes(_account(payout), field="vendors.account")


def payout_index(keys: KeyRing, payout: Beneficiary) -> bytes:
    """The same for the same payout, every field of it; nobody else learns it from that."""
    return keys.blind_index(_digest(msgspec.to_builtins(payout)), field="vendors.payout")


def content_hash(
    keys: KeyRing,
    change_id: VendorChangeId,
    vendor_id: str,
    *,
    before: Beneficiary,
    after: Beneficiary,
) -> bytes:
    """What the approval of a change is bound to: 32 bytes."""
    return keys.blind_index(_contents(change_id, vendor_id, before, after), field=_CONTENTS)


def is_content_hash(
    keys: KeyRing,
    content_hash: bytes,
    change_id: VendorChangeId,
    vendor_id: str,
    *,
    before: Beneficiary,
    after: Beneficiary,
) -> bool:
    """Whether the digest, made with any key of the ring, is that of these contents."""
    text = _contents(change_id, vendor_id, before, after)
    return content_hash in keys.blind_indexes(text, field=_CONTENTS)


_CONTENTS = "vendor_changes.contents"


def _contents(
    change_id: VendorChangeId, vendor_id: str, before: Beneficiary, after: Beneficiary
) -> str:
    return _digest(
        [str(change_id), vendor_id, msgspec.to_builtins(before), msgspec.to_builtins(after)]
    )


def _digest(whole: object) -> str:
    """Hashed before it is indexed: an index ignores case, which accounts of providers do not."""
    return hashlib.sha256(_encode(whole)).hexdigest()


def _account(payout: Beneficiary) -> str:
    """One account has one name here. Whether the branch is told does not matter: XXX, or nothing,
    is the head office (ISO 9362)."""
    if payout.bic is None or payout.account_number is None:
        return payout.account
    return f"{payout.bic[:8]}:{payout.account_number}"


def _context(vendor_id: str) -> str:
    return f"vendors.payout:{vendor_id}"
