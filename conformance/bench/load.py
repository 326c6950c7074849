"""Clients in processes of their own, and what they and the server's processes saw."""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from messages import OF_PERSONS, Wire, Workshop

from gateway.config import Settings

PROCESSES = 2
WARM_UP = 1.0
FASTEST = {"iti18": 260, "iti41": 120, "iti43": 260, "adt": 600, "pix": 900, "pdq": 700}
"""Messages made ahead for each connection and second; a client that runs out tells so."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One kind: transactions a second, latencies and server CPU a transaction in ms, memory in MiB."""

    kind: str
    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float
    rss: float
    failed: int
    ran_out: bool


@dataclass(frozen=True)
class Load:
    """A running server under test."""

    settings: Settings
    workshop: Workshop
    server: int
    clients: int
    seconds: float

    def run(self, kind: str, patients: Sequence[str]) -> Measured:
        """Messages first, then the clock: warm-up, measured time."""
        context = multiprocessing.get_context("fork")
        ready, go, results = context.Barrier(PROCESSES + 1), context.Event(), context.Queue()
        each = max(1, self.clients // PROCESSES)
        workers = [
            context.Process(target=self._client, args=(kind, patients, seed, each, ready, go, results))
            for seed in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        ready.wait()
        go.set()
        time.sleep(WARM_UP)
        cpu, begun = self._cpu(), time.perf_counter()
        time.sleep(self.seconds)
        cpu, took = self._cpu() - cpu, time.perf_counter() - begun
        rss = self._rss()
        latencies: list[float] = []
        failed, ran_out, counted = 0, False, 0
        for _ in workers:
            found, bad, out = results.get(timeout=60)
            inside = [took_ for at, took_ in found if begun <= at <= begun + took]
            latencies += inside
            counted += len(inside)
            failed += bad
            ran_out |= out
        for worker in workers:
            worker.join()
        latencies.sort()
        return Measured(
            kind=kind,
            rate=counted / took,
            p50=_percentile(latencies, 0.50),
            p95=_percentile(latencies, 0.95),
            p99=_percentile(latencies, 0.99),
            cpu=cpu / max(1, counted) * 1000,
            rss=rss,
            failed=failed,
            ran_out=ran_out,
        )

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.server)
        return [parent, *parent.children(recursive=True)]

    def _cpu(self) -> float:
        times = [each.cpu_times() for each in self._processes()]
        return float(sum(each.user + each.system for each in times))

    def _rss(self) -> float:
        return float(max(each.memory_info().rss for each in self._processes()) / 1024 / 1024)

    def _client(self, kind, patients, seed, connections, ready, go, results) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """One process: several connections, each with one request under way."""
        count = int(FASTEST[kind] * (self.seconds + WARM_UP + 1) * connections / 4) + 50
        wires = self.workshop.make(kind, count, patients, seed + int(time.time()))
        links = [self._connect(kind) for _ in range(connections)]
        ready.wait()
        go.wait()
        results.put(_drive(links, wires, time.perf_counter() + WARM_UP + self.seconds + 0.3))

    def _connect(self, kind: str) -> ssl.SSLSocket:
        port = self.settings.server.mllp_port if kind in OF_PERSONS else self.settings.server.port
        raw = socket.create_connection(("127.0.0.1", port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.workshop.acting.identity.context().wrap_socket(raw, server_hostname="localhost")


def _drive(
    links: list[ssl.SSLSocket], wires: list[Wire], end: float
) -> tuple[list[tuple[float, float]], int, bool]:
    """Sends on every connection in turn, then waits for the answers in the same turn."""
    found: list[tuple[float, float]] = []
    failed = 0
    queue = iter(wires)
    pending = [_send(link, next(queue)) for link in links]
    while pending:
        link, wire, begun = pending.pop(0)
        answer = _receive(link, mllp=wire.data.startswith(b"\x0b"))
        now = time.perf_counter()
        found.append((now, (now - begun) * 1000))
        failed += wire.good not in answer
        following = next(queue, None)
        if following is None:
            return found, failed, True
        if now < end:
            pending.append(_send(link, following))
    return found, failed, False


def _send(link: ssl.SSLSocket, wire: Wire) -> tuple[ssl.SSLSocket, Wire, float]:
    begun = time.perf_counter()
    link.sendall(wire.data)
    return link, wire, begun


def _receive(link: ssl.SSLSocket, *, mllp: bool) -> bytes:
    data = link.recv(65536)
    if mllp:
        while not data.endswith(b"\x1c\r"):
            data += link.recv(65536)
        return data
    while b"\r\n\r\n" not in data:
        data += link.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    parts = [body]
    have = len(body)
    while have < length:
        more = link.recv(262144)
        parts.append(more)
        have += len(more)
    return b"".join(parts)


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
