"""A PostgreSQL server of our own, which can be killed and recovers in its normal way."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

START_SECONDS = 30.0


def programs() -> Path | None:
    """The folder with initdb and postgres; None where there is no PostgreSQL."""
    return next(iter(_programs()), None)


def _programs() -> Iterator[Path]:
    found = shutil.which("postgres")
    if found and shutil.which("initdb"):
        for place in (Path(found).parent, Path(found).resolve().parent):
            if (place / "initdb").exists():
                yield place
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


class Cluster:
    """One server on a Unix socket in a folder."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        if found is None:
            raise OSError("no PostgreSQL was found")
        self._programs = found
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        if _unprivileged():
            shutil.chown(folder, "nobody")
        self._run(
            "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"
        )

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **_unprivileged())

    @property
    def url(self) -> str:
        """Where the gateway finds it."""
        return f"postgresql://postgres@/postgres?host={self._folder}"

    @property
    def log(self) -> Path:
        """The folder of its write-ahead log."""
        return self._folder / "data" / "pg_wal"

    def start(self) -> None:
        """Starts it, and waits until it takes connections; recovers first where it was killed."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            process = self._launch()
            while process.poll() is None and time.monotonic() < until:
                if self._answers():
                    self._process = process
                    return
                time.sleep(0.02)
            # Processes of the one that was killed may still be there: they are waited for.
            time.sleep(0.1)
        raise OSError("PostgreSQL did not start")

    def _launch(self) -> subprocess.Popen[bytes]:
        options = ("-c", "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "max_connections=60")
        with (self._folder / "postgres.log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", "-k", self._folder, *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **_unprivileged(),
            )

    def _answers(self) -> bool:
        try:
            asyncio.run(_asked(self.url))
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to the server; its other processes end when they see it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """An orderly end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)


async def _asked(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.close()
