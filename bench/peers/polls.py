# SPDX-License-Identifier: MIT
"""aiohttp with its own pool. usage: polls.py COUNT POLLS BASE_URL

As polls.lua: COUNT tasks at once, each one POST and POLLS queries, a second apart."""
import asyncio
import re
import sys
import time

import aiohttp

COUNT, POLLS, BASE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
REQUEST = {"model": "gpt-image-2-beta", "prompt": ("a lighthouse " * 40)[:500],
           "size": "16:9", "resolution": "2K"}


def memory(name):
    with open("/proc/self/status", encoding="ascii") as file:
        return int(re.search(name + r":\s+(\d+)", file.read()).group(1)) / 1024


async def one(session):
    async with session.post(BASE + "/v1/images/generations", json=REQUEST) as reply:
        task = await reply.json()
    for _ in range(POLLS):
        await asyncio.sleep(1)
        async with session.get(BASE + "/v1/tasks/" + task["id"]) as reply:
            task = await reply.json()
    assert task["status"] == "completed"


async def main():
    headers = {"Authorization": "Bearer bench"}
    timeout = aiohttp.ClientTimeout(total=None)
    cpu, wall, before = time.process_time(), time.monotonic(), memory("VmRSS")
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        await asyncio.gather(*(one(session) for _ in range(COUNT)))
    print(time.process_time() - cpu, time.monotonic() - wall, memory("VmHWM") - before)


asyncio.run(main())
