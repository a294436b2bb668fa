"""The schema as the migrations make it, as text: `make schema` writes it, a test compares it."""

import asyncio
import re
import secrets
import subprocess
import tempfile
from pathlib import Path

import asyncpg

from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.db.privileges import packaged_binaries

SCHEMA = Path(__file__).parents[1] / "src/paywright/db/schema.sql"
_HEAD = "-- Made by `make schema` from the migrations. To be read, not to be edited.\n"


def dump(url: str) -> str:
    """What `pg_dump` says of a migrated database, without what depends on the day."""
    done = subprocess.run(
        [packaged_binaries() / "pg_dump", "--schema-only", "--no-owner", "--no-privileges",
         "--exclude-table=events_2*", url],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = [
        line
        for line in done.stdout.splitlines()
        if not re.match(r"(--|SET |SELECT pg_catalog|\\(un)?restrict)", line)
    ]
    return _HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="paywright-schema-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "postgres", settings={"fsync": "off"})
        url = server.start()
        try:
            SCHEMA.write_text(asyncio.run(_fresh(url)))
        finally:
            server.stop()


async def _fresh(url: str) -> str:
    name = f"schema_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(url)
    await admin.execute(f"create database {name}")
    await admin.close()
    fresh = url.replace("/paywright?", f"/{name}?")
    await migrate(fresh)
    return await asyncio.to_thread(dump, fresh)


if __name__ == "__main__":
    main()
