"""A process that asks for as much as it can get, and says how much that was."""

import asyncio
import sys
import time

from paywright.throttle.limiter import Limiter
from paywright.throttle.shared import SharedCounts


async def main(url: str, limit: int, requests: int) -> None:
    limiter = Limiter(SharedCounts(url, deadline_s=10))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)

    async def ask() -> bool:
        now = time.monotonic()
        answer = await limiter.take("ip:1", limit=limit, window_s=3600, now=now)
        return answer.retry_after_s == 0

    passed = 0
    for _ in range(requests // 20):
        passed += sum(await asyncio.gather(*[ask() for _ in range(20)]))
    await limiter.close()
    sys.stdout.write(f"{passed}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
