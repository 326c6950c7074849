"""KEY-01, -02, -04: the master key is replaced under load; what no key opens is never read or written."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.client import xds
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.crypto.keyring import KeyRing, read_ring, write_ring
from gateway.record.people import Code
from tests.contracts.test_room import LETTER, bearer, codes

PATIENT = "KEY-1"


@dataclass
class Site:
    """An installation, and the documents that are stored in it."""

    config: Path
    settings: Settings
    acting: Acting
    stored: dict[str, bytes] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def feed(self, patient: str) -> bytes:
        name = hashlib.sha256(os.urandom(8)).hexdigest()[:18]
        return asyncio.run(
            self.acting.feed(
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A04|{name}|P|2.3.1\r"
                f"EVN|A04|20260101120000\rPID|1||{patient}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1|1|O\r".encode()
            )
        )

    async def store(self, client: SoapClient, data: bytes = b"") -> None:
        data = data or os.urandom(300)
        document = xds.Document(
            data=data,
            unique_id=xds.new_oid(),
            mime_type="application/octet-stream",
            title="Letter",
            patient=self.acting.full_id(PATIENT),
            class_code=LETTER,
            type_code=LETTER,
            format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME"),
            confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
            author="a^Weber^Anne^^^^^^&2.999.2.1&ISO",
            institution="Test Hospital^^^^^^^^^2.999.2.1",
            created="20260101120000",
        )
        await xds.provide(client, self.acting.endpoints, [document], self.acting.assertion())
        self.stored[document.unique_id] = data

    async def read(self, client: SoapClient, names: list[str]) -> None:
        wanted = [(self.acting.endpoints.repository_unique_id, each) for each in names]
        found = await xds.retrieve(client, self.acting.endpoints, wanted, self.acting.assertion())
        for each in names:
            if found[each] != self.stored[each]:
                self.failures.append(f"{each} came back otherwise")

    def run(self, work: Callable[[SoapClient], object]) -> None:
        async def within() -> None:
            async with self.acting.identity.http() as http:
                await work(SoapClient(http=http, signer=self.acting.identity.signer))  # type: ignore[misc]

        asyncio.run(within())

    def keys(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway.cli", "keys", *arguments, "--config", str(self.config)]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    def change(self, statement: str, *values: object) -> None:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement, values)

    def all(self, statement: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    config = prepare(tmp_path_factory.mktemp("keys") / "system", watched=False)
    with serving(config, workers=2):
        settings = load_settings(config)
        found = Site(config, settings, Acting.at(settings, "hospital", "physician"))
        for number in range(1, 31):
            assert b"MSA|AA" in found.feed(f"KEY-{number}")
        yield found


def test_the_master_key_is_replaced_under_load(site: Site) -> None:
    before = read_ring(site.settings.content.master_key)
    done = threading.Event()
    counts = {"read": 0, "stored": 0}

    def load() -> None:
        async def work(client: SoapClient) -> None:
            while not done.is_set():
                try:
                    await site.store(client)
                    await site.read(client, list(site.stored)[-3:])
                    counts["read"] += 1
                    counts["stored"] += 1
                except Exception as error:  # noqa: BLE001 - the thread tells the test
                    site.failures.append(repr(error))

        site.run(work)

    def feeding() -> None:
        number = 100
        while not done.is_set():
            number += 1
            if b"MSA|AA" not in site.feed(f"KEY-{number}"):
                site.failures.append("a feed was refused")

    threads = [threading.Thread(target=each) for each in (load, load, feeding)]
    for each in threads:
        each.start()
    rotated = site.keys("rotate", "--step", "5")
    done.set()
    for each in threads:
        each.join()
    assert rotated.returncode == 0, rotated.stderr
    assert site.failures == []
    assert min(counts.values()) > 3, "there was no load"
    assert {row[0] for row in site.all("SELECT DISTINCT master_version FROM record_key")} == {2}
    retired = site.keys("retire")
    assert retired.returncode == 0, retired.stderr
    after = read_ring(site.settings.content.master_key)
    assert not set(before.masters) & set(after.masters)
    site.run(lambda client: site.read(client, list(site.stored)))
    assert site.failures == []
    assert b"MSA|AA" in site.feed("KEY-999")


def test_what_no_key_opens_is_neither_read_nor_written(site: Site) -> None:
    site.run(site.store)
    name = list(site.stored)[-1]
    keys = dict(site.all("SELECT unique_id, record_key FROM content"))
    ids = site.all("SELECT uuid, unique_id FROM entry")
    key, entry = keys[name], next(str(uuid) for uuid, unique_id in ids if unique_id == name)
    wrapped = dict(site.all("SELECT patient_key, wrapped FROM record_key"))[key]
    site.change("UPDATE record_key SET wrapped = ? WHERE patient_key = ?", os.urandom(40), key)
    stored = site.all("SELECT count(*) FROM content")
    blobs = sorted(site.settings.content.directory.rglob("*"))
    try:
        found = codes(lambda: site.run(lambda client: site.read(client, [name])))
        assert found == ("XDSRepositoryError",)
        assert codes(lambda: site.run(site.store)) == ("XDSRepositoryError",)
        answer = bearer(site.acting, f"{site.settings.server.public_url}/fhir/Binary/{entry[9:]}")
        assert (answer.status_code, "exception" in answer.text) == (500, True)
    finally:
        site.change("UPDATE record_key SET wrapped = ? WHERE patient_key = ?", wrapped, key)
    assert site.all("SELECT count(*) FROM content") == stored
    assert sorted(site.settings.content.directory.rglob("*")) == blobs
    alerts = site.all("SELECT id FROM audit WHERE message LIKE '%content-unreadable%'")
    assert len(alerts) >= 3
    site.run(lambda client: site.read(client, [name]))


def test_a_private_key_is_not_stored_and_the_audit_tells(site: Site) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    store = pkcs12.serialize_key_and_certificates(b"me", key, None, None, NoEncryption())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    stored = site.all("SELECT count(*) FROM content")
    blobs = sorted(site.settings.content.directory.rglob("*"))
    for data in (pem, store, pem + bytes(2_000_000)):
        found = codes(lambda data=data: site.run(lambda client: site.store(client, data)))
        assert found == ("XDSRepositoryError",)
    assert site.all("SELECT count(*) FROM content") == stored
    assert sorted(site.settings.content.directory.rglob("*")) == blobs
    assert len(site.all("SELECT id FROM audit WHERE message LIKE '%private-key-sent%'")) == 3
    secret = pem.splitlines()[2]
    files = [path for path in site.config.parent.rglob("*") if path.is_file()]
    assert not any(secret in path.read_bytes() for path in files)


def test_a_server_with_another_master_key_does_not_start(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.config.parent, tmp_path / "copy")
    write_ring(tmp_path / "copy/pki/master.key", KeyRing.of(os.urandom(32)))
    config = tmp_path / "copy/passerelle.toml"
    config.write_text(re.sub(r"^(\w*port) = \d{4,5}$", r"\1 = 0", config.read_text(), flags=re.MULTILINE))
    command = [sys.executable, "-m", "gateway.cli", "serve", "--config", str(config)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode != 0
    assert "master key does not open" in ended.stderr
