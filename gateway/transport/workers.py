"""Processes that share the listening sockets: forked, replaced when they die, stopped together."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import uvloop

ORPHAN_CHECK_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
AWAITED = (*STOP_SIGNALS, signal.SIGCHLD)
FAILED = 1
STEADY_SECONDS = 5.0

_SUPERVISOR: ContextVar[int | None] = ContextVar("supervisor", default=None)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a fresh event loop (uvloop)."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def run_workers(count: int, work: Callable[[int], None], steady: float = STEADY_SECONDS) -> int:
    """Run work(0) … work(count - 1), each in a process of its own; one alone runs in this process.

    Ends when all have ended; SIGTERM and SIGINT are passed on. A worker that dies after `steady` seconds is
    replaced: one of them seals the audit trail and sends it on. One that dies sooner would die again; then
    all are stopped, and the result, 1, tells the service manager. Returns 0 when all ended as they were told.
    Must be called before threads or event loops exist.
    """
    if count == 1:
        work(0)
        return 0
    parent = os.getpid()
    # Signals wait until they are asked for: none may come between a look and the wait that follows it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    try:
        crew = _Crew(lambda index: _fork(work, index, parent), steady)
        for index in range(count):
            crew.start(index)
        return crew.watch()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(slots=True)
class _Crew:
    """The workers by process number: which one it is, and since when it runs."""

    fork: Callable[[int], int]
    steady: float
    _running: dict[int, tuple[int, float]] = field(default_factory=dict)
    _stopping: bool = False
    _result: int = 0

    def start(self, index: int) -> None:
        """One more process."""
        self._running[self.fork(index)] = (index, time.monotonic())

    def watch(self) -> int:
        """Pass signals on, replace who dies, until the last worker has ended."""
        while self._running:
            number = signal.sigwait(AWAITED)
            if number in STOP_SIGNALS:
                self._stop(number)
            for process in list(self._running):
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    self._ended(process, os.waitstatus_to_exitcode(status))
        return self._result

    def _ended(self, process: int, code: int) -> None:
        index, since = self._running.pop(process)
        if self._stopping or code == 0:
            self._result = self._result or min(1, abs(code))
        elif time.monotonic() - since >= self.steady:
            self.start(index)
        else:
            self._result = FAILED
            self._stop(signal.SIGTERM)

    def _stop(self, number: int) -> None:
        self._stopping = True
        for process in self._running:
            os.kill(process, number)


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
