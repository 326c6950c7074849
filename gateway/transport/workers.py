"""Processes that share the listening sockets: forked once, stopped together, never restarted here."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import uvloop

ORPHAN_CHECK_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
AWAITED = (*STOP_SIGNALS, signal.SIGCHLD)
FAILED = 1

_SUPERVISOR: ContextVar[int | None] = ContextVar("supervisor", default=None)


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
    # Signals wait until they are asked for: none may come between a look and the wait that follows it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    try:
        return _watch({_fork(work, index, parent) for index in range(count)})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(workers: set[int]) -> int:
    """Pass signals on until the last worker has ended."""
    result = 0
    while workers:
        number = signal.sigwait(AWAITED)
        if number in STOP_SIGNALS:
            for worker in workers:
                os.kill(worker, number)
        for worker in list(workers):
            ended, status = os.waitpid(worker, os.WNOHANG)
            if ended:
                workers.discard(worker)
                result = result or min(1, abs(os.waitstatus_to_exitcode(status)))
    return result


def _fork(work: Callable[[int], None], index: int, parent: int) -> int:
    worker = os.fork()
    if worker != 0:
        return worker
    status = FAILED
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        _SUPERVISOR.set(parent)
        work(index)
        status = 0
    except Exception:  # noqa: BLE001  # the frame of a process: what comes out here has no caller left
        traceback.print_exc()
    finally:
        os._exit(status)


async def until_stopped() -> None:
    """Return at SIGTERM or SIGINT; in a forked worker also when the process that watches it is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    supervisor = _SUPERVISOR.get()
    while not stop.is_set() and supervisor in {None, os.getppid()}:
        try:
            async with asyncio.timeout(ORPHAN_CHECK_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
