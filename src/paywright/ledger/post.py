"""Post a batch whose ids come from outside."""

from collections.abc import Mapping, Sequence

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.db.pool import Database, is_duplicate
from paywright.ledger import rules
from paywright.ledger.batch import Outcome, load, record
from paywright.ledger.expire import HoldsDue, due, expire
from paywright.ledger.model import Instruction

_TRIES = 10


async def post(
    db: Database,
    cause: Cause,
    instructions: Sequence[Instruction],
    *,
    refused: Mapping[int, Problem] | None = None,
) -> list[Outcome]:
    """What became of each instruction, in order. The same batch again changes nothing: its
    elements are on file then, and refused with Exists.

    refused: see `rules.apply`
    """
    for _ in range(_TRIES):
        try:
            return await _post(db, cause, instructions, refused)
        except HoldsDue as found:
            await expire(db, cause, found.ids)
        except Exception as error:
            # Somebody else has put a movement on file under one of the ids, just now.
            if not is_duplicate(error):
                raise
    raise AssertionError(f"holds or ids changed under us {_TRIES} times")


async def _post(
    db: Database,
    cause: Cause,
    instructions: Sequence[Instruction],
    refused: Mapping[int, Problem] | None,
) -> list[Outcome]:
    async with db.transaction() as tx:
        book = await load(tx, instructions, known_ids=True)
        outcomes = rules.apply(book, instructions, refused)
        if ids := await due(tx, book, instructions, outcomes, at=cause.at):
            raise HoldsDue(ids)
        await record(tx, cause, book, outcomes)
    return outcomes
