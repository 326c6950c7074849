"""One document too large for memory, in by ITI-41 and out by ITI-43: time, and memory above idle."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, TypeVar

import psutil
from messages import Workshop

from gateway.client import xds
from gateway.client.files import FileSink
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.record.people import Code

MIB = 1024 * 1024
LOOK_SECONDS = 0.01
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Seconds, MiB a second, MiB of resident memory; `alone` and `beside` it: latencies of ITI-18 in ms."""

    mib: int
    iti41_seconds: float
    iti41_rate: float
    iti43_seconds: float
    iti43_rate: float
    idle: float
    peak_iti41: float
    peak_iti43: float
    above_idle: float
    alone_p50: float
    alone_p95: float
    beside_p50: float
    beside_p95: float
    beside_longest: float


class Pattern:
    """Octets that no compression and no repeated block makes easier; made while they are read."""

    def __init__(self, mib: int) -> None:
        self.size = mib * MIB
        self._block = os.urandom(MIB)

    def chunks(self) -> Iterator[bytes]:
        """A mebibyte each, no two alike."""
        for number in range(self.size // MIB):
            yield number.to_bytes(8, "big") + self._block[8:]

    def sha256(self) -> str:
        """Of the whole."""
        running = hashlib.sha256()
        for chunk in self.chunks():
            running.update(chunk)
        return running.hexdigest()


class Watch:
    """The largest resident memory of the server's processes, in MiB, while the block runs."""

    def __init__(self, server: int) -> None:
        parent = psutil.Process(server)
        self._processes = [parent, *parent.children(recursive=True)]
        self.peak = 0.0

    def __enter__(self) -> Self:
        for each in self._processes:
            # Linux: the peak begins anew.
            Path(f"/proc/{each.pid}/clear_refs").write_text("5", encoding="ascii")
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = sum(_status(each.pid, "VmHWM") for each in self._processes)

    def now(self) -> float:
        """Resident memory at this moment."""
        return sum(_status(each.pid, "VmRSS") for each in self._processes)


def _status(process: int, name: str) -> float:
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(each for each in text.splitlines() if each.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


class Neighbour(threading.Thread):
    """Asks ITI-18 again and again on a connection of its own, and notes how long each answer took."""

    def __init__(self, workshop: Workshop) -> None:
        super().__init__(daemon=True)
        self._workshop = workshop
        self._stop_asking = threading.Event()
        self.latencies: list[float] = []

    def run(self) -> None:
        """Until told to stop."""
        asyncio.run(self._ask())

    async def _ask(self) -> None:
        acting = self._workshop.acting
        async with acting.identity.http() as http:
            client = SoapClient(http=http, signer=acting.identity.signer)
            assertion = acting.assertion()
            patient = acting.full_id(self._workshop.fed[0])
            while not self._stop_asking.is_set():
                begun = time.perf_counter()
                await xds.find(client, acting.endpoints, patient, assertion)
                self.latencies.append((time.perf_counter() - begun) * 1000)
                await asyncio.sleep(LOOK_SECONDS)

    def done(self) -> list[float]:
        """The latencies, in order of their length."""
        self._stop_asking.set()
        self.join()
        return sorted(self.latencies)


def measure(settings: Settings, workshop: Workshop, server: int, mib: int, *, beside: bool) -> Figures:
    """Sends and fetches one document; the octets that come back are compared with those sent."""
    pattern = Pattern(mib)
    _exchange(settings, workshop, Pattern(2), server)
    idle = Watch(server).now()
    alone = _alone(workshop) if beside else [0.0]
    neighbour = Neighbour(workshop)
    if beside:
        neighbour.start()
    sent, fetched, first, second = _exchange(settings, workshop, pattern, server)
    latencies = neighbour.done() if beside else [0.0]
    return Figures(
        mib=mib,
        iti41_seconds=round(sent, 2),
        iti41_rate=round(mib / sent, 1),
        iti43_seconds=round(fetched, 2),
        iti43_rate=round(mib / fetched, 1),
        idle=round(idle, 1),
        peak_iti41=round(first, 1),
        peak_iti43=round(second, 1),
        above_idle=round(max(first, second) - idle, 1),
        alone_p50=round(alone[len(alone) // 2], 1),
        alone_p95=round(alone[int(len(alone) * 0.95)], 1),
        beside_p50=round(latencies[len(latencies) // 2], 1),
        beside_p95=round(latencies[int(len(latencies) * 0.95)], 1),
        beside_longest=round(latencies[-1], 1),
    )


def _alone(workshop: Workshop) -> list[float]:
    neighbour = Neighbour(workshop)
    neighbour.start()
    time.sleep(3)
    return neighbour.done()


def _exchange(
    settings: Settings, workshop: Workshop, pattern: Pattern, server: int
) -> tuple[float, float, float, float]:
    acting = workshop.acting
    document = xds.Document(
        large=pattern,
        unique_id=xds.new_oid(),
        mime_type="application/octet-stream",
        title="Large",
        patient=acting.full_id(workshop.fed[0]),
        class_code=Code("18842-5", "2.16.840.1.113883.6.1", "Letter"),
        type_code=Code("18842-5", "2.16.840.1.113883.6.1", "Letter"),
        format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME type"),
        confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
        author="dr.bench^Bench^Anna^^^^^^&2.999.2.1&ISO",
        institution="Test Hospital^^^^^^^^^2.999.2.1",
        created="20260101120000",
    )
    wanted = [(settings.domain.repository_unique_id, document.unique_id)]

    async def send() -> None:
        async with acting.identity.http() as http:
            client = SoapClient(http=http, signer=acting.identity.signer)
            await xds.provide(client, acting.endpoints, [document], acting.assertion())

    async def fetch(folder: Path) -> str:
        async with acting.identity.http() as http:
            client = SoapClient(http=http, signer=acting.identity.signer)
            found = await xds.retrieve_contents(
                client, acting.endpoints, wanted, acting.assertion(), lambda: FileSink(folder)
            )
        running = hashlib.sha256()
        for chunk in found[document.unique_id].chunks():
            running.update(chunk)
        return running.hexdigest()

    with tempfile.TemporaryDirectory(prefix="passerelle-large-") as name:
        sent, first, _ = _watched(send(), server)
        fetched, second, digest = _watched(fetch(Path(name)), server)
    if digest != pattern.sha256():
        raise RuntimeError("the octets that came back are not those that were sent")
    return sent, fetched, first, second


def _watched(work: Coroutine[None, None, T], server: int) -> tuple[float, float, T]:
    """Seconds, peak of the server's memory, result."""
    begun = time.perf_counter()
    with Watch(server) as watch:
        result = asyncio.run(work)
    return time.perf_counter() - begun, watch.peak, result


def show(figures: Figures) -> None:
    """Prints the figures as JSON."""
    print(json.dumps(asdict(figures), indent=2))
