"""AUD-02, STO-03: a disk that fills up for real. Nothing is done unaudited or by halves; it goes on later."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway.audit.verify import verify_export
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.cli.trail import export_lines
from gateway.client import xds
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.record.people import Code

MIB = 1024 * 1024
WAIT = 20.0
LETTER = Code("18842-5", "2.16.840.1.113883.6.1", "Letter")


@contextlib.contextmanager
def volume(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here: it takes the rights of root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@dataclass(frozen=True)
class Site:
    """A served installation: its rows on one small volume, its documents on another."""

    settings: Settings
    rows: Path
    blobs: Path

    def leave(self, folder: Path, octets: int) -> None:
        """So much fits, and no more."""
        free = os.statvfs(folder)
        with (folder / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - octets)

    def free(self, folder: Path) -> None:
        (folder / "ballast").unlink()

    def all(self, statement: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()

    def types(self) -> list[str]:
        """Event types of the trail, in their order."""
        rows = self.all("SELECT message FROM audit ORDER BY id")
        return [re.search(r'<EventTypeCode csd-code="([^"]+)"', str(row[0]))[1] for row in rows]  # type: ignore[index]

    def ready(self) -> tuple[int, str]:
        try:
            url = f"http://127.0.0.1:{self.settings.server.admin_port}/ready"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT
        while not reached():
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("room")
    with volume(home / "rows", 48) as rows, volume(home / "blobs", 24) as blobs:
        changes = {"database.url": f'"sqlite:///{rows}/passerelle.db"', "content.directory": f'"{blobs}"'}
        config = prepare(home / "system", changes, watched=False)
        with serving(config):
            yield Site(load_settings(config), rows, blobs)


def acting(site: Site) -> Acting:
    return Acting.at(site.settings, "hospital", "physician")


def feed(site: Site, patient: str) -> bytes:
    name = time.time_ns() % 10**18
    return asyncio.run(
        acting(site).feed(
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A04|{name}|P|2.3.1\r"
            f"EVN|A04|20260101120000\rPID|1||{patient}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1|1|O\r".encode()
        )
    )


def provide(site: Site, patient: str, data: bytes) -> str:
    """The uniqueId of a document that was taken; RegistryFailure with its codes else."""

    async def send() -> str:
        who = acting(site)
        document = xds.Document(
            data=data,
            unique_id=xds.new_oid(),
            mime_type="application/octet-stream",
            title="Letter",
            patient=who.full_id(patient),
            class_code=LETTER,
            type_code=LETTER,
            format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME"),
            confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
            author="a^Weber^Anne^^^^^^&2.999.2.1&ISO",
            institution="Test Hospital^^^^^^^^^2.999.2.1",
            created="20260101120000",
        )
        async with who.identity.http() as http:
            client = SoapClient(http=http, signer=who.identity.signer)
            await xds.provide(client, who.endpoints, [document], who.assertion())
        return document.unique_id

    return asyncio.run(send())


def codes(work: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(xds.RegistryFailure) as failure:
        work()
    return failure.value.codes


def bearer(who: Acting, url: str) -> httpx.Response:
    with httpx.Client(verify=who.identity.context()) as http:
        token = base64.urlsafe_b64encode(who.assertion()).rstrip(b"=").decode()
        return http.get(url, headers={"authorization": f"Bearer {token}"})


def counts(site: Site) -> list[tuple[object, ...]]:
    return [
        site.all(f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - names of tables
        for table in ("patient", "entry", "submission_set", "association", "content", "claim")
    ]


def turned_away(site: Site) -> int:
    """As many as all processes tell of."""
    again = site.all("SELECT message FROM audit WHERE message LIKE '%110134%'")
    told = (re.search(r"(\d+) requests were turned away", str(row[0])) for row in again)
    return sum(int(each[1]) for each in told if each)


def test_a_document_that_does_not_fit_is_refused_and_leaves_nothing(site: Site) -> None:
    assert b"MSA|AA" in feed(site, "ROOM-1")
    before = counts(site)
    for size in (6 * MIB, 600_000):
        site.leave(site.blobs, 400_000)
        found = codes(lambda size=size: provide(site, "ROOM-1", os.urandom(size)))
        assert found == ("XDSRepositoryOutOfResources",)
        site.free(site.blobs)
    assert counts(site) == before
    assert [path for path in site.blobs.rglob("*") if path.is_file()] == []
    taken = provide(site, "ROOM-1", os.urandom(3 * MIB))
    assert (taken,) in site.all("SELECT unique_id FROM content")


def test_a_full_disk_turns_everything_away_until_there_is_room_again(site: Site) -> None:
    assert b"MSA|AA" in feed(site, "ROOM-2")
    kept = provide(site, "ROOM-2", b"kept")
    before, told = counts(site), site.types()
    site.leave(site.rows, 0)
    # At once, before anybody has looked at the disk: the write itself fails.
    first = feed(site, "ROOM-3")
    assert b"MSA|AR" in first
    site.until(lambda: site.ready()[0] == 503)
    assert "no room" in site.ready()[1]
    who = acting(site)
    assert codes(lambda: asyncio.run(who.query("ROOM-2"))) == ("XDSRegistryBusy",)
    assert codes(lambda: asyncio.run(who.retrieve(kept))) == ("XDSRepositoryBusy",)
    assert codes(lambda: provide(site, "ROOM-2", b"more")) == ("XDSRepositoryBusy",)
    refused = feed(site, "ROOM-4")
    assert b"MSA|AR" in refused
    assert b"207" in refused
    answer = bearer(who, f"{site.settings.server.public_url}/fhir/Patient?family=WEBER")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert counts(site) == before
    # Whoever answers has seen it by now: from here on each is counted.
    site.until(lambda: b"the audit trail has no room" in feed(site, "ROOM-4"))
    for _ in range(3):
        assert b"MSA|AR" in feed(site, "ROOM-4")
    site.free(site.rows)
    # Of the one that tells for all that it stopped and goes on, and of who turned somebody away.
    site.until(lambda: site.types()[len(told) :].count("110134") == 2)
    assert site.ready()[0] == 200
    new = [each for each in site.types()[len(told) :] if each in {"110133", "110134"}]
    assert (new.count("110133"), new[-1]) == (1, "110134")
    assert counts(site) == before
    site.until(lambda: b"MSA|AA" in feed(site, "ROOM-5"))
    assert asyncio.run(who.retrieve(kept)) is not None
    site.until(lambda: turned_away(site) >= 4)


def test_the_trail_is_whole_after_it(site: Site) -> None:
    report = verify_export(iter(asyncio.run(export_lines(site.settings))))
    assert report.findings == ()
    assert report.sealed > 0
