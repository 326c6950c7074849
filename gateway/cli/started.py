"""A server for a purpose (demo, tests, benchmarks): own folder, free ports, stopped at the end."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from gateway.cli.init import create
from gateway.config.trail import WatchRule
from gateway.errors import SettingsInvalid

READY_SECONDS = 60.0
STOP_SECONDS = 15.0


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


def prepare(home: Path, changes: Mapping[str, str] | None = None, *, watched: bool = True) -> Path:
    """A new integration installation on free ports; gives its configuration file.

    `changes` are further lines by `section.key`, values in TOML. Where it is not `watched`, no alert of the
    watch comes between the audit rows that somebody counts.
    """
    create(home, "integration")
    https, admin, mllp, syslog = free_ports(4)
    config = home / "passerelle.toml"
    text = config.read_text(encoding="utf-8")
    values = {
        "server.port": str(https),
        "server.admin_port": str(admin),
        "server.mllp_port": str(mllp),
        "repository.syslog_port": str(syslog),
        "server.public_url": f'"https://localhost:{https}"',
        "assertions.audience": f'["https://localhost:{https}"]',
        **({} if watched else {"watch.off": f"{list(get_args(WatchRule))}".replace("'", '"')}),
        **(changes or {}),
    }
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        text = _with_value(text, section, key, value)
    config.write_text(text, encoding="utf-8")
    return config


def _with_value(text: str, section: str, key: str, value: str) -> str:
    """The text of a configuration in which a key of a section has a value, whether it was there or not."""
    head, found, rest = text.partition(f"[{section}]\n")
    if not found:
        return f"{text.rstrip()}\n\n[{section}]\n{key} = {value}\n"
    end = re.search(r"^\[", rest, re.MULTILINE)
    body, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    line = f"{key} = {value}"
    pattern = re.compile(rf"^#?\s*{re.escape(key)}\s*=.*$", re.MULTILINE)
    body = pattern.sub(lambda _: line, body, count=1) if pattern.search(body) else f"{line}\n{body}"
    return f"{head}{found}{body}{tail}"


@contextlib.contextmanager
def started(
    home: Path,
    *,
    workers: int = 1,
    changes: Mapping[str, str] | None = None,
    log: Path | None = None,
    watched: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server on a new installation in `home`; stopped, and waited for, when the block ends."""
    config = prepare(home, changes, watched=watched)
    with serving(config, workers=workers, log=log) as process:
        yield process


@contextlib.contextmanager
def serving(config: Path, *, workers: int = 1, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A server on an existing configuration; its own log goes to `log` or stays beside the configuration."""
    command = [
        sys.executable,
        "-m",
        "gateway.cli",
        "serve",
        "--config",
        str(config),
        "--workers",
        str(workers),
    ]
    with (log or config.with_name("server.log")).open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603 - ourselves
        try:
            _wait_until_ready(process, config)
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks a server to stop, and waits for it."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[bytes], config: Path) -> None:
    """The server says on standard output that it is ready."""
    if process.stdout is None:
        raise SettingsInvalid("the server has no standard output")
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        ready, _, _ = select.select([process.stdout], [], [], 0.2)
        if ready:
            line = process.stdout.readline()
            if b'"ready"' in line:
                return
            if not line:
                break
        if process.poll() is not None:
            break
    last = config.with_name("server.log").read_bytes()[-600:].decode("utf-8", "replace")
    raise SettingsInvalid(f"the server did not start: {last.strip()}", location=str(config))
