"""Work that goes on beside the requests: whatever ends it by mistake, it begins again, and is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.pipeline.engine import Log

AGAIN_SECONDS = 5.0

Work = Callable[[], Awaitable[None]]


async def lasting(name: str, work: Work, log: Log, *, again: float = AGAIN_SECONDS) -> None:
    """Does the work until it ends by itself or is cancelled; after a failure anew, `again` seconds later.

    The seals, the index and the sending of the trail must not end for good because of one thing that nobody
    thought of.
    """
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - what nobody thought of
            told = type(error).__name__  # no trace of it: that could tell of patients
            log.error("work beside the requests failed", work=name, error=told)  # noqa: TRY400
        else:
            return
        await asyncio.sleep(again)
