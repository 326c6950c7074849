"""Forked processes: all run, signals reach them in order, who dies is replaced, none outlives its server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECONDS = 10

PROGRAM = """
import asyncio, os, sys
from functools import partial
from gateway.transport.workers import run, run_processes, until_stopped

async def wait(index):
    waiting = asyncio.ensure_future(until_stopped())
    await asyncio.sleep(0)
    os.write(1, b"%d %d\\n" % (index, os.getpid()))
    await waiting

def work(index):
    if sys.argv[2] == "break":
        raise ValueError("broken by design")
    if sys.argv[2] == "refuse":
        sys.exit(2)
    run(wait(index))
    os.write(1, b"ended %d\\n" % index)

works = [partial(work, index) for index in range(int(sys.argv[1]))]
sys.exit(run_processes(works, float(sys.argv[3])))
"""


class Program:
    """The program above, and the process numbers of its workers, all ready for signals."""

    def __init__(self, count: int, what: str, steady: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(count), what, str(steady)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().split() for _ in range(count if what == "wait" else 0)]
        self.workers = {int(index): int(process) for index, process in lines}

    def end(self) -> tuple[list[str], str]:
        """What the workers said at the end, and the error output."""
        out, err = self.process.communicate(timeout=SECONDS)
        return out.splitlines(), err


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    started = Program(*getattr(request, "param", (2, "wait")))
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.communicate(timeout=SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_the_parent_ends_every_worker_cleanly(program: Program, number: signal.Signals) -> None:
    assert len({*program.workers.values(), program.process.pid}) == 3
    program.process.send_signal(number)
    assert program.end() == (["ended 1", "ended 0"], "")
    assert program.process.returncode == 0


@pytest.mark.parametrize("program", [(4, "wait")], indirect=True)
def test_the_first_ends_after_all_others(program: Program) -> None:
    program.process.send_signal(signal.SIGTERM)
    ended, _ = program.end()
    assert sorted(ended) == ["ended 0", "ended 1", "ended 2", "ended 3"]
    assert ended[-1] == "ended 0"


@pytest.mark.parametrize("program", [(1, "wait")], indirect=True)
def test_one_alone_has_a_process_of_its_own_as_well(program: Program) -> None:
    assert program.workers != {0: program.process.pid}
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == (["ended 0"], "")


def test_a_worker_that_dies_is_replaced_by_one_of_the_same_number(program: Program) -> None:
    os.kill(program.workers[0], signal.SIGKILL)
    assert program.process.stdout is not None
    index, process = program.process.stdout.readline().split()
    assert index == "0"
    assert int(process) not in program.workers.values()
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == (["ended 1", "ended 0"], "")
    assert program.process.returncode == 0


@pytest.mark.parametrize("program", [(2, "wait", 60.0)], indirect=True)
def test_one_that_dies_at_once_stops_all_and_is_told(program: Program) -> None:
    os.kill(program.workers[0], signal.SIGKILL)
    assert program.end() == (["ended 1"], "")
    assert program.process.returncode == 1


@pytest.mark.parametrize("program", [(2, "break", 60.0)], indirect=True)
def test_an_exception_of_a_worker_is_shown_and_counts_as_failure(program: Program) -> None:
    _, err = program.end()
    assert "ValueError: broken by design" in err
    assert program.process.returncode == 1


@pytest.mark.parametrize("program", [(2, "refuse", 60.0)], indirect=True)
def test_the_exit_code_of_who_could_not_begin_is_that_of_all(program: Program) -> None:
    assert program.end() == ([], "")
    assert program.process.returncode == 2


def test_who_kills_the_server_kills_all_of_it(program: Program) -> None:
    program.process.kill()
    assert program.end() == ([], "")  # the pipe is shut: none of them lives
