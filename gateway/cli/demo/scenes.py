"""The scenes in which a record comes together and is read (ITI-8, 9, 41, 18, 43, 67, 68, 78)."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.demo.actors import Actor, Cast, expect
from gateway.cli.demo.screen import Notes
from gateway.cli.init import Partner, enrol
from gateway.client.xds import Document, Listed
from gateway.config import Settings, shipped
from gateway.crypto import pki

CLINIC = Partner(
    name="clinic",
    organisation="2.999.2.6",
    organisation_name="Test Clinic",
    transactions=("ITI-18", "ITI-43"),
)
_LABORATORY_A04 = (
    "MSH|^~\\&|LIS|LABO-DEMO|PASSERELLE|REGISTRY|20261102083000||ADT^A04^ADT_A01|DEMO-L-77|P|2.3.1\r"
    "EVN|A04|20261102083000\rPID|1||L-77^^^&2.999.2.2.7&ISO||THILGES^LEONIE||19520317|F|||"
    "12 rue du Vieux Moulin^^Exempleville^^L-0000||^PRN^PH^^352^^000007\rPV1|1|O\r"
)
_PIX_QUERY = (
    "MSH|^~\\&|KIS|HOPITAL-DEMO|PASSERELLE|REGISTRY|20261102083100||QBP^Q23^QBP_Q21|DEMO-PIX|P|2.5\r"
    "QPD|IHE PIX Query|demo|{asked}\rRCP|I\r"
)
_TAKEN_UP_SECONDS = 5.0
_POLL_SECONDS = 0.1


# --- the server ----------------------------------------------------------------------------------


def enrol_clinic(home: Path, settings: Settings) -> None:
    """One more partner, by certificate request: the authority never sees its key."""
    folder, key = home / "pki/clients", pki.create_key()
    pki.write_key(folder / "clinic.key", key)
    request = folder / "clinic.csr"
    request.write_bytes(pki.create_csr(key, "clinic", "integration"))
    node = enrol(settings, CLINIC, csr=request)
    shutil.copyfile(node.with_suffix(".pem"), folder / "clinic.pem")


async def secured(cast: Cast) -> Notes:
    """What TLS negotiated is read from the connection."""
    response = await cast.hospital.http.get(f"{cast.hospital.acting.endpoints.fhir}/metadata")
    expect(response.status_code == httpx.codes.OK, f"HTTP {response.status_code}")
    tls = response.extensions["network_stream"].get_extra_info("ssl_object")
    expect(tls.version() in {"TLSv1.2", "TLSv1.3"}, f"{tls.version()} was negotiated")
    return (f"{tls.version()}, {tls.cipher()[0]}; each side has proved itself by certificate",)


async def admitted(cast: Cast) -> Notes:
    """The running server takes a new partner up within a second or so."""
    endpoint = f"{cast.clinic.acting.endpoints.fhir}/metadata"
    deadline = time.monotonic() + _TAKEN_UP_SECONDS
    while (await cast.clinic.http.get(endpoint)).status_code != httpx.codes.OK:
        expect(time.monotonic() < deadline, f"not served {_TAKEN_UP_SECONDS:.0f} s after it was enrolled")
        await asyncio.sleep(_POLL_SECONDS)
    return ("its key never left it; the server took it up while it ran",)


# --- a record comes together ---------------------------------------------------------------------


async def register_patient(cast: Cast) -> Notes:
    """ADT^A01 over MLLP/TLS."""
    message = shipped("demo/1-admit-a01.hl7").read_bytes()
    answer = await cast.hospital.acting.feed(message)
    expect(b"\rMSA|AA|" in answer, f"the acknowledgement is {answer!r}")
    return (f"HL7 v2 ADT^A01 over MLLP/TLS, patient {cast.papers.patient}; acknowledged with AA",)


async def known_elsewhere(cast: Cast) -> Notes:
    """The laboratory tells of the same person under a number of its own; matching says who she is."""
    answer = await cast.laboratory.acting.feed(_LABORATORY_A04.encode())
    expect(b"\rMSA|AA" in answer, f"the acknowledgement is {answer!r}")
    return ("HL7 v2 ADT^A04, number L-77 of the laboratory, her name without accents, another telephone",)


async def cross_referenced(cast: Cast) -> Notes:
    """ITI-9: which other identifiers belong to the patient."""
    asked = cast.hospital.acting.full_id(cast.papers.patient)
    answer = (await cast.hospital.acting.feed(_PIX_QUERY.format(asked=asked).encode())).decode()
    found = next((line for line in answer.split("\r") if line.startswith("PID|")), "")
    expect("L-77^^^TEST-LIS&2.999.2.2.7&ISO" in found, f"the answer is {answer!r}")
    return ("ITI-9: L-77 of the laboratory; the two were linked by name, birth date and address",)


async def pharmacist_finds_patient(cast: Cast) -> Notes:
    """ITI-78, by name and birth date."""
    url = f"{cast.pharmacist.acting.endpoints.fhir}/Patient"
    bundle = (await cast.pharmacist.get(url, family="Thilges", birthdate="1952-03-17")).json()
    (entry,) = bundle["entry"]
    found = [each["value"] for each in entry["resource"]["identifier"]]
    expect(found[0] == cast.papers.patient, f"{found} was found")
    return (f"ITI-78 with family name and birth date: one person, {' and '.join(found)}",)


async def send_discharge(cast: Cast) -> Notes:
    """The discharge letter, with all that secures a message."""
    return (
        *await _send(cast.hospital, cast.papers.discharge),
        "SAML assertion holder-of-key and WS-Security signature sent; the reply's signature is the server's",
    )


async def send_psychiatric(cast: Cast) -> Notes:
    """The confidential letter."""
    return await _send(cast.hospital, cast.papers.psychiatric)


async def send_laboratory(cast: Cast) -> Notes:
    """The laboratory report."""
    return await _send(cast.laboratory, cast.papers.laboratory)


async def send_prescription(cast: Cast) -> Notes:
    """The prescription."""
    return await _send(cast.hospital, cast.papers.prescription)


async def _send(actor: Actor, document: Document) -> Notes:
    await actor.provide(document)
    size, level = len(document.data) / 1000, document.confidentiality.code
    return (f"ITI-41 with MTOM, {size:.1f} kB: “{document.title}”, confidentiality {level}",)


# --- who sees what -------------------------------------------------------------------------------


async def pharmacist_queries(cast: Cast) -> Notes:
    """Of four documents, the medication only."""
    found = await cast.pharmacist.find(cast.papers.patient)
    expect_exactly(found, [cast.papers.prescription])
    return (f"ITI-18, 1 of 4: {_titles(found)}", "the rights matrix opens medication to pharmacists")


async def pharmacist_retrieves(cast: Cast) -> Notes:
    """Octet for octet what the hospital sent."""
    sent = cast.papers.prescription
    expect(await cast.pharmacist.retrieve(sent.unique_id) == sent.data, "the octets differ from those sent")
    return (f"ITI-43, {len(sent.data)} octets, equal to those the hospital sent",)


async def pharmacist_searches(cast: Cast) -> Notes:
    """The same through FHIR."""
    references = await _search(cast)
    ids = [_master_identifier(each) for each in references]
    expect(
        ids == [cast.papers.prescription.unique_id], f"{len(ids)} documents found, expected the prescription"
    )
    return ("ITI-67 with the assertion as Bearer token, 1 of 4; the reply's HTTP message signature is valid",)


async def pharmacist_reads(cast: Cast) -> Notes:
    """The content, by the URL of the DocumentReference."""
    (reference,) = await _search(cast)
    response = await cast.pharmacist.get(reference["content"][0]["attachment"]["url"])
    expect(response.content == cast.papers.prescription.data, "the octets differ from those sent")
    kind = response.headers["content-type"]
    return (f"ITI-68, {kind}, the same octets; signature over status, digest and request is valid",)


async def patient_queries(cast: Cast) -> Notes:
    """Everything, in the own record."""
    papers = cast.papers
    found = await cast.patient.find(papers.patient)
    expect_exactly(found, [papers.discharge, papers.psychiatric, papers.laboratory, papers.prescription])
    return (f"ITI-18, 4 of 4: {_titles(found)}",)


async def physician_queries(cast: Cast) -> Notes:
    """The organisation that wrote a document sees it at any confidentiality."""
    papers = cast.papers
    found = await cast.hospital.find(papers.patient)
    expect_exactly(found, [papers.discharge, papers.psychiatric, papers.laboratory, papers.prescription])
    return ("ITI-18, 4 of 4, with the confidential letter: her hospital wrote it",)


async def nurse_queries(cast: Cast) -> Notes:
    """Another organisation does not learn that the confidential letter exists."""
    papers = cast.papers
    found = await cast.clinic.find(papers.patient)
    expect_exactly(found, [papers.discharge, papers.laboratory, papers.prescription])
    return ("ITI-18, 3 of 4: nurses read summaries too, but V is for the patient and its author's house",)


def expect_exactly(found: Iterable[Listed], documents: Iterable[Document]) -> None:
    """Unexpected unless these documents were found and no others."""
    seen, wanted = {each.unique_id for each in found}, {each.unique_id for each in documents}
    expect(seen == wanted, f"{len(seen)} documents were found, expected {len(wanted)} and just these")


def _titles(found: Iterable[Listed]) -> str:
    return ", ".join(f"“{each.title}”" for each in found)


async def _search(cast: Cast) -> list[dict[str, Any]]:
    endpoints = cast.pharmacist.acting.endpoints
    identifier = f"urn:oid:{endpoints.patient_id_root}|{cast.papers.patient}"
    parameters = {"patient.identifier": identifier, "status": "current"}
    bundle = (await cast.pharmacist.get(f"{endpoints.fhir}/DocumentReference", **parameters)).json()
    return [entry["resource"] for entry in bundle.get("entry", [])]


def _master_identifier(reference: dict[str, Any]) -> str:
    return str(reference["masterIdentifier"]["value"]).removeprefix("urn:oid:")
