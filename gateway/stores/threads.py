"""Work that would hold up other requests, done in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 3
_WAITING = 64
BEAT: Final = 0.01
"""Seconds; far longer than reasons to show nothing differ by, so that all of them reach the same beat."""


async def in_thread(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """The result of a function that mostly waits, for the disk as a rule, called in a thread.

    Cancelled, it ends when the function has: what the caller then undoes is not being done any more.
    """
    return await _finished(asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named)))


class HeavyWork:
    """A few threads for work on many octets.

    So few that the event loop keeps its turn, and their own, so that nothing short waits behind them.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="octets")

    async def do(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of a function called in one of them; cancelled, it ends when the function has."""
        call = partial(function, *arguments, **named)
        return await _finished(asyncio.get_running_loop().run_in_executor(self._pool, call))

    def close(self) -> None:
        """No more work is taken."""
        self._pool.shutdown(wait=False)


async def _finished(work: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


class Beat:
    """Waits for the beat. In threads, whose sleep is exact: the event loop counts whole milliseconds."""

    def __init__(self, seconds: float = BEAT) -> None:
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(_WAITING, thread_name_prefix="beat")

    async def wait(self, began: float) -> None:
        """Until a whole number of beats has passed since a moment of the monotonic clock."""
        left = self._seconds - (time.monotonic() - began) % self._seconds
        await asyncio.get_running_loop().run_in_executor(self._pool, time.sleep, left)

    def close(self) -> None:
        """Nobody waits any more."""
        self._pool.shutdown(wait=False)
