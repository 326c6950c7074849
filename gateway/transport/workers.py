"""Processes of one server: forked, replaced when they die, stopped in order, killed with their server."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
AWAITED = (*STOP_SIGNALS, signal.SIGCHLD)
FAILED = 1
STEADY_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""

Work = Callable[[], None]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a fresh event loop (uvloop)."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def run_processes(works: Sequence[Work], steady: float = STEADY_SECONDS) -> int:
    """Run each of the works in a process of its own until all have ended.

    SIGTERM and SIGINT are passed on: to all but the first, and to the first when the others have ended, so
    that it can finish what they left. One that dies after `steady` seconds is replaced. One that dies sooner
    would die again; then all are stopped, and the result tells the service manager: the exit code of who
    failed first, 0 when all ended as they were told. When this process is killed, all are.
    Must be called before threads or event loops exist.
    """
    parent = os.getpid()
    # What is loaded by now is the same in all of them: the collector must not touch it, so that it is shared.
    gc.freeze()
    # Signals wait until they are asked for: none may come between a look and the wait that follows it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    try:
        crew = _Crew(lambda index: _fork(works[index], parent), steady)
        for index in range(len(works)):
            crew.start(index)
        return crew.watch()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(slots=True)
class _Crew:
    """The processes by number: which of the works each does, and since when it runs."""

    fork: Callable[[int], int]
    steady: float
    _running: dict[int, tuple[int, float]] = field(default_factory=dict)
    _stopping: bool = False
    _result: int = 0

    def start(self, index: int) -> None:
        """One more process."""
        self._running[self.fork(index)] = (index, time.monotonic())

    def watch(self) -> int:
        """Pass signals on, replace who dies, until the last one has ended."""
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
            self._result = self._result or _failure(code)
        elif time.monotonic() - since >= self.steady:
            self.start(index)
        else:
            self._result = _failure(code)
            self._stop(signal.SIGTERM)
        if self._stopping and all(index == 0 for index, _ in self._running.values()):
            self._tell(self._running, signal.SIGTERM)

    def _stop(self, number: int) -> None:
        self._stopping = True
        others = [process for process, (index, _) in self._running.items() if index != 0]
        self._tell(others or list(self._running), number)

    @staticmethod
    def _tell(processes: Iterable[int], number: int) -> None:
        for process in processes:
            os.kill(process, number)


def _failure(code: int) -> int:
    """The exit code for one that was not told to end so: its own, FAILED for who was killed."""
    return code if code >= 0 else FAILED


def _fork(work: Work, parent: int) -> int:
    child = os.fork()
    if child != 0:
        return child
    status = FAILED
    try:
        _end_with(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        work()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else FAILED
    except Exception:  # noqa: BLE001  # the frame of a process: what comes out here has no caller left
        traceback.print_exc()
    finally:
        os._exit(status)


def _end_with(parent: int) -> None:
    """This process is killed when its parent is: a server without its parent could not be stopped."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(FAILED)


async def until_stopped() -> None:
    """Return at SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
