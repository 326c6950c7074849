"""Starts servers by forking, kills them, and has everything checked that must hold (one installation)."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import random
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ground import Ground
from instants import await_moment, choose
from invariants import Invariants, orphans
from traffic import drive

from gateway.audit.verify import verify_export
from gateway.cli.serve import serve
from gateway.cli.services import ground_of
from gateway.cli.trail import export_lines
from gateway.stores.database import Database
from gateway.stores.repository import RepositoryStore

CHECK_EVERY = 25
READY_SECONDS = 20.0
FORWARD_SECONDS = 600.0
READ_SECONDS = 3_600.0
DATABASE_SHARE = 0.03
"""Share of the kills that hit the database server, where there is one."""
UNSEALED = 2
"""Rows of the stop of a server, which are sealed at its next start."""
PROCESS_SHARE = 0.1
"""Share of the kills that hit one process of the server a moment before the others."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(slots=True)
class Found:
    """What one installation went through. `faults` is empty, or something was lost."""

    name: str
    points: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    restarts: list[float] = field(default_factory=list)
    passes: int = 0
    orphans: int = 0
    swept: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    forwarded: int = 0
    repeated: int = 0
    sealed: int = 0
    finished: bool = False
    faults: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """For the report."""
        ordered = sorted(self.restarts)
        middle = ordered[len(ordered) // 2] if ordered else 0.0
        return {
            "database": self.name,
            "kill_points": self.points,
            "seconds": round(self.seconds, 1),
            "points_per_minute": round(self.points / max(self.seconds, 0.001) * 60, 1),
            "kinds": dict(self.kinds),
            "restart_ms_median": round(middle * 1000, 1),
            "passes": self.passes,
            "orphan_blobs": self.orphans,
            "swept": self.swept,
            "counts": self.counts,
            "forwarded": self.forwarded,
            "forwarded_repeatedly": self.repeated,
            "sealed": self.sealed,
            "finished": self.finished,
            "faults": self.faults,
        }


class Process:
    """A forked process with a pipe each way; it dies with the one that forked it, and all its own with it."""

    def __init__(self, work: Callable[[int, int], None], log: Path) -> None:
        here, self._to = os.pipe()
        self._from, there = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _be(lambda: work(here, there), log)
        os.close(here)
        os.close(there)

    def answered(self, seconds: float) -> bool:
        """Whether it said something in time."""
        ready, _, _ = select.select([self._from], [], [], seconds)
        return bool(ready) and os.read(self._from, 1) == b"."

    def tell(self) -> None:
        """Wakes it up."""
        os.write(self._to, b".")

    def kill(self) -> None:
        """SIGKILL, and nothing else."""
        os.kill(self.pid, signal.SIGKILL)
        self.gone()

    def kill_one(self, chance: random.Random) -> str:
        """SIGKILL for one of the processes it has; says which."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        if not children:
            return "none"
        number = chance.randrange(len(children))
        os.kill(int(children[number]), signal.SIGKILL)
        return "worker" if number else "keeper"

    def stop(self) -> None:
        """An orderly end."""
        os.kill(self.pid, signal.SIGTERM)
        self.gone()

    def gone(self) -> None:
        """Waits for the end, also of the processes that it had."""
        os.waitpid(self.pid, 0)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-self.pid, 0)
        os.close(self._to)
        os.close(self._from)


def _be(work: Callable[[], None], log: Path) -> None:
    """The life of a forked process."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - the frame of a process: what comes out here has no caller left
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


class Supervisor:
    """Kills the server of one installation again and again, and checks."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self._ground = ground
        self._chance = random.Random(seed)  # noqa: S311 - choice of instants, no secret
        self._log = ground.settings.folder / "server.log"
        self._seed = seed
        self.found = Found(ground.name)
        self._invariants = Invariants(
            ground.settings.database.url, ground.settings.content.directory, ground.notes
        )

    def run(self, points: int, until: float, progress: Callable[[Found], None]) -> Found:
        """So many kills, or as many as there is time for (epoch seconds); then the last checks."""
        begun = time.monotonic()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        clients = Process(lambda here, there: drive(self._ground, self._seed, here, there), self._log)
        while self.found.points < points and time.time() < until and not self.found.faults:
            self._one()
            if self.found.points % CHECK_EVERY == 0:
                self._look()
                self.found.seconds = time.monotonic() - begun
                progress(self.found)
        self.found.seconds = time.monotonic() - begun
        self._finish(clients)
        progress(self.found)
        return self.found

    def _look(self) -> None:
        """No connection of this is open at the next fork."""
        self._invariants.look()
        self.found.passes = self._invariants.passes
        self.found.counts |= self._invariants.counts
        self.found.faults += [each for each in self._invariants.faults if each not in self.found.faults]

    def _one(self) -> None:
        """One kill point."""
        kind = choose(self._chance)
        begun = time.monotonic()
        server = self._start()
        if kind != "start":
            if not server.answered(READY_SECONDS):
                self.found.faults.append("the server did not start after a kill")
            self.found.restarts.append(time.monotonic() - begun)
        if self._ground.cluster is not None and self._chance.random() < DATABASE_SHARE:
            kind = self._kill_database(kind)
        else:
            kind = await_moment(kind, self._chance, self._ground.watched)
        if self._chance.random() < PROCESS_SHARE:
            self.found.kinds[f"{server.kill_one(self._chance)} first"] += 1
            time.sleep(self._chance.uniform(0.0, 0.05))
        server.kill()
        self.found.points += 1
        self.found.kinds[kind] += 1

    def _kill_database(self, kind: str) -> str:
        """The database dies under the server, which goes on when it is back; then the server dies, too."""
        cluster = self._ground.cluster
        if cluster is None:
            return kind
        await_moment("commit", self._chance, self._ground.watched)
        cluster.kill()
        self.found.points += 1
        cluster.start()
        self.found.kinds["database"] += 1
        time.sleep(self._chance.uniform(0.1, 0.6))
        return "after the database"

    def _start(self) -> Process:
        settings = self._ground.settings
        return Process(lambda _, there: _serve(settings, there), self._log)

    def _finish(self, clients: Process) -> None:
        """A last server lives until all is read and forwarded; then the trail and the blobs are checked."""
        server = self._start()
        if not server.answered(READY_SECONDS):
            self.found.faults.append("the last server did not start")
        time.sleep(2.0)
        clients.tell()
        if not clients.answered(READ_SECONDS):
            self.found.faults.append("the clients could not read what was acknowledged")
        self._await_forwarding()
        clients.tell()
        clients.answered(60.0)
        clients.gone()
        server.stop()
        self._end()

    def _await_forwarding(self) -> None:
        """The receiver's place in the trail reaches its end, or time is up."""
        url = self._ground.settings.database.url
        until = time.monotonic() + FORWARD_SECONDS
        while time.monotonic() < until:
            time.sleep(1.0)
            if asyncio.run(_behind(url)) == 0:
                time.sleep(1.0)
                return
        self.found.faults.append("the trail was not forwarded in time")

    def _end(self) -> None:
        settings = self._ground.settings
        again = Invariants(settings.database.url, settings.content.directory, self._ground.notes)
        again.look(all_of_it=True)
        found = self.found
        found.faults += [each for each in again.faults if each not in found.faults]
        found.counts |= again.counts
        report = verify_export(iter(asyncio.run(export_lines(settings))))
        found.sealed = report.sealed
        found.faults += [str(each) for each in report.findings]
        last = [json.loads(line) for line in self._ground.notes.read_bytes().splitlines()]
        told = {each["what"]: each for each in last}
        if "end" not in told:
            found.faults.append("the clients did not come to their end")
            return
        found.counts |= told["end"]["counts"]
        found.faults += told["end"]["faults"]
        self._check_forwarded(told["collected"])
        found.orphans = orphans(settings.database.url, settings.content.directory)
        found.swept = asyncio.run(_sweep(self._ground))
        if left := orphans(settings.database.url, settings.content.directory):
            found.faults.append(f"{left} blobs without a document were not swept")
        found.passes += 1
        found.finished = True

    def _check_forwarded(self, collected: dict[str, Any]) -> None:
        """Every sealed row came to the receiver, the first time in the order of the trail."""
        trail = asyncio.run(_digests(self._ground.settings.database.url))
        came = collected["digests"]
        self.found.forwarded, self.found.repeated = len(came), collected["repeated"]
        if came != trail[: len(came)]:
            self.found.faults.append("the audit trail was not forwarded in its order")
        if len(trail) - len(came) > UNSEALED:
            self.found.faults.append(f"{len(trail) - len(came)} rows of the trail were not forwarded")


def _serve(settings: Any, there: int) -> None:
    serve(settings, 1, lambda _: os.write(there, b".") and None)


async def _with(url: str, query: str) -> list[Any]:
    from sqlalchemy import text  # noqa: PLC0415

    from gateway.stores.database import open_database  # noqa: PLC0415

    database: Database = open_database(url)
    try:
        return list(await database.fetch(text(query)))
    finally:
        await database.close()


async def _behind(url: str) -> int:
    """Rows of the trail that were not handed to the receiver; unsealed ones count."""
    rows = await _with(url, "SELECT value FROM meta WHERE name = 'audit-sent:outside'")
    sent = json.loads(rows[0][0])["sent"] if rows else 0
    return int((await _with(url, "SELECT count(*) FROM audit"))[0][0]) - int(sent)


async def _digests(url: str) -> list[str]:
    import hashlib  # noqa: PLC0415

    rows = await _with(url, "SELECT message FROM audit JOIN audit_leaf ON audit_id = id ORDER BY position")
    return list(dict.fromkeys(hashlib.sha256(row[0].encode()).hexdigest() for row in rows))


async def _sweep(ground: Ground) -> int:
    made = ground_of(ground.settings)
    try:
        return await RepositoryStore(made.database, made.keys, made.blobs).sweep(time.time() + 60)
    finally:
        await made.database.close()
