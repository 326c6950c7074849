"""What the audit costs a query (ITI-18), by leaving it out, and what a bad receiver of it costs."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from load import Load
from messages import Workshop
from rich.console import Console
from rich.table import Table

from gateway.cli.compose import Gateway, compose
from gateway.cli.started import free_ports, serving
from gateway.config import Settings
from gateway.crypto import pki
from gateway.declare.bindings import Raw
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.run import run
from gateway.pipeline.stages import conclude

BLOCK = 50
"""Queries in a row with the audit, then as many without: what the machine does else falls on both."""


async def commit(x: Exchange, engine: Engine) -> None:
    """The commit stage of a query without message, evidence, receipt and audit row; all else stays."""
    await conclude(x, engine, ())


def show(
    settings: Settings, workshop: Workshop, patients: Sequence[str], options: argparse.Namespace
) -> None:
    """Prints both tables."""
    console = Console()
    console.print(_share(settings, workshop, patients, options.queries))
    console.print(_receivers(settings, workshop, patients, options))


def _share(settings: Settings, workshop: Workshop, patients: Sequence[str], count: int) -> Table:
    """One query after the other through all stages of one process, in turn with the audit and without."""
    gateway = compose(settings)
    whole = gateway.engine
    without = replace(whole, stages=(*whole.stages[:-1], commit))
    wires = workshop.make("iti18", 2 * count, patients, int(time.time()))
    messages = [_raw(workshop, wire.data) for wire in wires]
    found = asyncio.run(_in_turn(gateway, (whole, without), messages))
    table = Table(title=f"ITI-18, {count} queries each, one process, one after the other")
    for name in ("", "median ms", "95 % ms", "CPU ms"):
        table.add_column(name, justify="right")
    for name, (times, cpu) in zip(("with the audit", "without"), found, strict=True):
        ordered = sorted(times)
        nineteen = ordered[int(len(ordered) * 0.95)]
        table.add_row(
            name, f"{statistics.median(ordered):.3f}", f"{nineteen:.3f}", f"{cpu / len(ordered):.3f}"
        )
    (full, full_cpu), (bare, bare_cpu) = found
    share = 1 - statistics.median(bare) / statistics.median(full)
    table.add_row("share of the audit", f"{share:.1%}", "", f"{1 - bare_cpu / full_cpu:.1%}")
    return table


async def _in_turn(
    gateway: Gateway, engines: tuple[Engine, Engine], messages: Sequence[Raw]
) -> tuple[tuple[list[float], float], ...]:
    times: tuple[list[float], list[float]] = ([], [])
    cpu = [0.0, 0.0]
    for at in range(0, len(messages), BLOCK):
        which = at // BLOCK % 2
        for raw in messages[at : at + BLOCK]:
            used, begun = time.process_time(), time.perf_counter()
            answer = await run(raw, gateway.soap, engines[which])
            times[which].append((time.perf_counter() - begun) * 1000)
            cpu[which] += (time.process_time() - used) * 1000
            if b"ResponseStatusType:Success" not in b"".join(answer.chunks()):
                raise RuntimeError("a query was refused")
    await gateway.close()
    return (times[0], cpu[0]), (times[1], cpu[1])


def _raw(workshop: Workshop, data: bytes) -> Raw:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line.partition(":") for line in head.decode().split("\r\n")[1:]]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    signer = workshop.acting.identity.signer
    return Raw(
        method="POST",
        path="/xds/registry",
        target=f"{workshop.settings.server.public_url}/xds/registry",
        headers=headers,
        body=body,
        sha256=hashlib.sha256(body).digest(),
        peer_certificate=signer.certificate if signer else None,
        peer_host="127.0.0.1",
    )


# --- receivers ---------------------------------------------------------------------------------------


def _receivers(
    settings: Settings, workshop: Workshop, patients: Sequence[str], options: argparse.Namespace
) -> Table:
    """The same load with a receiver that is good, dead, hanging or slow, and with none."""
    table = Table(title=f"ITI-18 while the trail goes to a receiver, {options.clients} connections")
    for name in ("receiver", "tx/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "failed"):
        table.add_column(name, justify="right")
    for kind, behave in _KINDS.items():
        with (
            _configured(settings, kind, behave) as config,
            serving(config, workers=options.workers) as server,
        ):
            load = Load(settings, workshop, server.pid, options.clients, options.seconds)
            each = load.run("iti18", patients)
        figures = (each.rate, each.p50, each.p95, each.p99, each.cpu)
        table.add_row(
            kind, *(f"{figure:.1f}" for figure in figures[:-1]), f"{each.cpu:.2f}", str(each.failed)
        )
    return table


def _good(link: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(link, server_side=True) as line:
        while line.recv(1 << 16):
            pass


def _slow(link: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(link, server_side=True) as line:
        while line.recv(512):
            time.sleep(0.2)


def _hanging(link: socket.socket, _context: ssl.SSLContext) -> None:
    time.sleep(3600)
    link.close()


Behave = Callable[[socket.socket, ssl.SSLContext], None]
_KINDS: dict[str, Behave | None] = {
    "none": None,
    "good": _good,
    "dead": None,
    "hanging": _hanging,
    "slow": _slow,
}


@contextmanager
def _configured(settings: Settings, kind: str, behave: Behave | None) -> Iterator[Path]:
    """The configuration with one receiver, which behaves as it should or not."""
    path = settings.folder / "passerelle.toml"
    before = path.read_text(encoding="utf-8")
    (port,) = free_ports(1)
    if kind != "none":
        line = f'destinations = [{{ name = "{kind}", address = "tls://localhost:{port}" }}]'
        text = before.replace("[audit]\n", f"[audit]\n{line}\n")
        path.write_text(text if text != before else f"{before}\n[audit]\n{line}\n", encoding="utf-8")
    listener = _listening(settings, port, behave) if behave is not None else None
    try:
        yield path
    finally:
        path.write_text(before, encoding="utf-8")
        if listener is not None:
            listener.close()


def _listening(settings: Settings, port: int, behave: Behave) -> socket.socket:
    folder = settings.folder / "pki"
    authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
    key = pki.create_key()
    pki.write_key(folder / f"receiver-{port}.key", key)
    issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
    pki.write_pem(folder / f"receiver-{port}.pem", issued)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"receiver-{port}.pem", folder / f"receiver-{port}.key")
    listener = socket.create_server(("127.0.0.1", port))

    def accept() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_behaving, args=(behave, link, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def _behaving(behave: Behave, link: socket.socket, context: ssl.SSLContext) -> None:
    try:
        behave(link, context)
    except OSError:
        link.close()
