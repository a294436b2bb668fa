"""How every process hears at once that a credential is good no more."""

from paywright.db.pool import Tx
from paywright.identity import store

# The channel that each API process listens on. The payload is the id of a key, of a session or
# of a user, or EVERYTHING.
CHANNEL = "paywright_revoked"
EVERYTHING = "*"


async def announce(tx: Tx, *subjects: object) -> None:
    """Tell all processes, when this transaction commits and only then, to forget the subjects."""
    for subject in subjects:
        await store.notify(tx, CHANNEL, str(subject))
