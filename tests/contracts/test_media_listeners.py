"""Media over the sockets of running servers: limits, hostile archives, from one gateway to another."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from gateway.client.fhir import FhirRefused
from gateway.client.xds import new_oid
from gateway.config import shipped
from gateway.declare.bindings import Octets

LIMIT = 300_000
PATIENT = "DEMO-1001"
CHANGES = {"limits.media_bytes": str(LIMIT), "limits.media_members": "20", "limits.fhir_bytes": "50000"}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acting]:
    """A person in front of a running server that knows one patient."""
    yield from acting(tmp_path_factory.mktemp("media") / "home")


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Acting]:
    """The same at a second server, with a record of its own."""
    yield from acting(tmp_path / "clinic")


def acting(home: Path) -> Iterator[Acting]:
    config = prepare(home, CHANGES, watched=False)
    with serving(config):
        found = Acting.of(config, "hospital", "physician")
        assert b"MSA|AA" in asyncio.run(found.feed(shipped("demo/1-admit-a01.hl7").read_bytes()))
        yield found


def send(who: Acting, data: bytes) -> str:
    """Provides a letter; its uniqueId."""
    unique_id = new_oid()
    letter = (Octets(data), PATIENT, "Letter", "18842-5^^2.16.840.1.113883.6.1", "N", ".txt")
    asyncio.run(who.send(*letter, unique_id=unique_id, set_id=new_oid(), created=datetime.now(UTC)))
    return unique_id


def give(who: Acting, *documents: str) -> bytes:
    return asyncio.run(who.export_medium(PATIENT, documents, ""))


def take(who: Acting, medium: bytes) -> list[str]:
    return asyncio.run(who.import_medium(medium))


def refused(who: Acting, medium: bytes) -> int:
    """The status; and the server goes on."""
    with pytest.raises(FhirRefused) as told:
        take(who, medium)
    for word in ("Traceback", ".py", "zipfile", str(who.settings.folder)):
        assert word not in told.value.detail
    assert asyncio.run(alive(who)) == 200
    return told.value.status


async def alive(who: Acting) -> int:
    async with who.identity.http() as http:
        return (await http.get(f"{who.endpoints.fhir}/metadata")).status_code


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_medium_goes_from_one_gateway_to_another(hospital: Acting, clinic: Acting) -> None:
    """Larger than a FHIR resource may be, and with every octet there is."""
    data = bytes(range(256)) * 400
    names = [send(hospital, data), send(hospital, b"short")]
    medium = give(hospital, *names)
    (line,) = take(clinic, medium)
    assert line.endswith("2 documents registered")
    for name, octets in zip(names, (data, b"short"), strict=True):
        assert b"".join(asyncio.run(clinic.retrieve(name)).chunks()) == octets
    (line,) = take(clinic, medium)
    assert line.endswith("already registered, nothing was changed")
    (line,) = take(hospital, give(clinic))
    assert line.endswith("2 documents already registered, nothing was changed")


def test_a_body_above_the_limit(hospital: Acting) -> None:
    assert refused(hospital, b"PK\x03\x04" + bytes(LIMIT - 4)) == 400
    assert refused(hospital, b"PK\x03\x04" + bytes(LIMIT - 3)) == 413


def test_a_resource_has_its_own_limit(hospital: Acting) -> None:
    """The larger limit is that of the operation, not of the whole FHIR base."""

    async def post(path: str) -> httpx.Response:
        async with hospital.identity.http() as http:
            return await http.post(f"{hospital.endpoints.fhir}{path}", content=bytes(60_000))

    assert asyncio.run(post("/DocumentReference")).status_code == 413


@pytest.mark.parametrize(
    ("medium", "status"),
    [
        (b"", 400),
        (b"no archive", 400),
        (packed({"A": b"x"})[:-9], 400),
        (packed({"../../../ETC/PASSWD": b"x"}), 400),
        (packed({"/ETC/PASSWD": b"x"}), 400),
        (packed({str(number): b"" for number in range(21)}), 400),
        (packed({"BOMB": bytes(LIMIT + 1)}), 413),
        (packed({"INNER.ZIP": packed({"BOMB": bytes(LIMIT * 90)})}), 422),
        (packed({"INDEX.HTM": b"", "README.TXT": b""}), 422),
        (packed({"IHE_XDM/SUBSET01/METADATA.XML": b"<!DOCTYPE x [<!ENTITY a 'a'>]><x>&a;</x>"}), 422),
    ],
    ids=["empty", "no-zip", "cut", "climbs", "absolute", "many", "bomb", "nested", "nothing", "doctype"],
)
def test_hostile_media(hospital: Acting, medium: bytes, status: int) -> None:
    assert refused(hospital, medium) == status


def test_a_medium_that_another_changed(hospital: Acting) -> None:
    medium = give(hospital, send(hospital, b"the dose is 10 mg"))
    with zipfile.ZipFile(io.BytesIO(medium)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (name,) = (each for each in files if "/DOC" in each)
    assert refused(hospital, packed({**files, name: b"the dose is 90 mg"})) == 422
    whole = bytearray(medium)
    with zipfile.ZipFile(io.BytesIO(medium)) as archive:
        at = archive.getinfo(name).header_offset + 30 + len(name) + 2
    whole[at] ^= 0xFF
    assert refused(hospital, bytes(whole)) == 422


def test_what_does_not_fit_on_a_medium_is_named_one_by_one(clinic: Acting) -> None:
    names = [send(clinic, bytes(LIMIT // 2 + number)) for number in range(2)]
    with pytest.raises(FhirRefused, match="name those that are wanted") as told:
        give(clinic)
    assert told.value.status == 400
    assert len(give(clinic, names[0])) > 0
