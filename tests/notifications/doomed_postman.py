"""A worker in a process of its own, for a test that kills it.

`python -m … DATABASE_URL SMTP_URL`
"""

import asyncio
import sys

from tests.notifications.posting import channels, delivering

from paywright.db.pool import Database


async def main(database_url: str, smtp_url: str) -> None:
    db = await Database.connect(database_url, connections_max=8)
    async with delivering(db, channels(smtp_url=smtp_url)):
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
