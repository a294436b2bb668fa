"""What is kept of an answer: not its text but which movements it tells of.

A movement never changes, so the same answer can be told of it again, byte for byte, and a key
costs a tenth of what the text would. What was refused is kept as it was told.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from paywright.core.ids import TransferId
from paywright.db.pool import Tx
from paywright.idempotency import Answer
from paywright.ledger import accounts_store
from paywright.ledger import store as ledger
from paywright.payments.orders import Answered, Receipt, receipt_of


class Ingredient(msgspec.Struct, frozen=True, array_like=True):
    """One element's part: its movement, or the answer itself."""

    movement: UUID | None = None
    status: int = 0
    body: bytes = b""
    replayed: bool = False


# Tells of a movement that happened, and of a batch from the answers of its elements.
Tell = Callable[[Receipt], Answer]
TellWhole = Callable[[Sequence[Answered]], Answer]

_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(list[Ingredient]).decode


def recipe_of(ingredients: Sequence[Ingredient], *, status: int) -> Answer:
    """What is stored under a key, in place of the answer."""
    return Answer(status, _encode(ingredients), is_recipe=True)


async def made_again(
    tx: Tx, stored: Sequence[Answer], *, wholes: int, tell: Tell, tell_whole: TellWhole
) -> list[Answer]:
    """The answers that were given the first time; the first `wholes` of them to batches."""
    recipes = [_decode(it.body) if it.is_recipe else None for it in stored]
    if not any(recipes):
        return list(stored)
    parts = [part for recipe in recipes for part in recipe or ()]
    ids = [TransferId.of(part.movement) for part in parts if part.movement is not None]
    movements = await ledger.select(tx, ids)
    sides = [(it.debit_account_id, it.credit_account_id) for it in movements.values()]
    accounts = await accounts_store.select(tx, list({side for pair in sides for side in pair}))

    def told(part: Ingredient) -> Answered:
        if part.movement is None:
            return Answered(Answer(part.status, part.body), part.replayed)
        receipt = receipt_of(movements[TransferId.of(part.movement)], accounts)
        return Answered(tell(receipt), part.replayed)

    answers: list[Answer] = []
    for index, (it, recipe) in enumerate(zip(stored, recipes, strict=True)):
        if recipe is None:
            answers.append(it)
        elif index < wholes:
            answers.append(tell_whole([told(part) for part in recipe]))
        else:
            answers.append(told(recipe[0]).answer)
    return answers
