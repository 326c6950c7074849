"""Processes that share the listening sockets: forked once, stopped together, never restarted here."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

ORPHAN_CHECK_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
FAILED = 1


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a fresh event loop (uvloop)."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def run_workers(count: int, work: Callable[[int], None]) -> int:
    """Run work(0) … work(count - 1), each in a process of its own; one alone runs in this process.

    Ends when all have ended; SIGTERM and SIGINT are passed on. A worker that dies is not replaced: the
    others go on, and the result tells the service manager. Returns 0, or 1 if any worker failed.
    Must be called before threads or event loops exist.
    """
    if count == 1:
        work(0)
        return 0
    parent = os.getpid()
    # No signal may find the parent without its handlers, or a worker with those of the parent.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    workers = [_fork(work, index, parent) for index in range(count)]
    handlers = {number: signal.signal(number, _passing_on(workers)) for number in STOP_SIGNALS}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        results = [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return FAILED if any(results) else 0


def _fork(work: Callable[[int], None], index: int, parent: int) -> int:
    worker = os.fork()
    if worker != 0:
        return worker
    status = FAILED
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        if os.getppid() == parent:
            work(index)
            status = 0
    except Exception:  # noqa: BLE001  # the frame of a process: what comes out here has no caller left
        traceback.print_exc()
    finally:
        os._exit(status)


def _passing_on(workers: list[int]) -> Callable[[int, object], None]:
    def pass_on(number: int, _frame: object) -> None:
        for worker in workers:
            try:
                os.kill(worker, number)
            except ProcessLookupError:
                continue

    return pass_on


async def until_stopped() -> None:
    """Return at SIGTERM or SIGINT, or when the parent process is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        try:
            async with asyncio.timeout(ORPHAN_CHECK_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
