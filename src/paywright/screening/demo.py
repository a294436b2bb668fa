"""The list that comes along: everything in it is invented."""

from importlib import resources

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.screening import lists_store
from paywright.screening.load import load_list

DEMO_LIST = "demo"


async def ensure_demo_list(db: Database, cause: Cause) -> bool:
    """Load it, unless somebody has loaded a list already; whether it was loaded."""
    async with db.snapshot() as tx:
        if await lists_store.current(tx):
            return False
    content = resources.files("paywright.screening").joinpath("samples/demo-list.csv").read_bytes()
    await load_list(db, cause, source=content, name=DEMO_LIST)
    return True
