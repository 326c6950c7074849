"""The scenes in which the patient, and the auditor, see who looked (JRN-1, ITI-20, ITI-81)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from typing import Any

import httpx

from gateway.audit.objects import document_object, patient_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant, audit_message
from gateway.audit.syslog import syslog_message
from gateway.cli.demo.actors import Cast, expect
from gateway.cli.demo.refusals import refused_trace
from gateway.cli.demo.screen import Notes
from gateway.cli.dossier import write_dossier
from gateway.cli.operator import administering
from gateway.client.session import Identity
from gateway.client.syslog import connect
from gateway.declare.events import Outcome, retrieve_event
from gateway.record.people import PatientId

_OTHER = "archive.hospital.example"
_EVENT = retrieve_event("ITI-43", "Retrieve Document Set")
_FOUND_SECONDS = 10.0
_POLL_SECONDS = 0.2
DOSSIER, JOURNAL = "dossier.pdf", "journal.pdf"


async def told_by_another(cast: Cast) -> Notes:
    """A system of the hospital tells, by syslog over TLS, that somebody opened a document in it."""
    identity = Identity.in_folder(cast.settings.folder, "audit-source")
    port = cast.settings.repository.syslog_port
    line = await connect(f"tls://localhost:{port}", identity.context())
    try:
        await line.send([_syslog(cast)])
    finally:
        await line.close()
    found = await _until(cast, {"entity.identifier": cast.papers.laboratory.unique_id})
    source = found["source"]["observer"]["identifier"]["value"]
    return (f"ITI-20 over TLS at port {port}", f"ITI-81 finds it beside our own events, from {source}")


async def reads_journal(cast: Cast) -> Notes:
    """Whose eyes were on the record, in the language of the patient."""
    asked = f"/AuditEvent/$journal?patient={_system(cast)}%7C{cast.papers.patient}&language=lb"
    deadline = time.monotonic() + _FOUND_SECONDS
    while True:
        response = await cast.patient.tell("GET", asked, cast.papers.patient)
        expect(response.status_code == httpx.codes.OK, f"HTTP {response.status_code}: {response.text[:300]}")
        sentences = [_sentence(each["resource"]) for each in response.json()["entry"]]
        if other := next((each for each in sentences if "Muller" in each), ""):
            break
        expect(time.monotonic() < deadline, "the pharmacist is not in the journal")
        await asyncio.sleep(_POLL_SECONDS)
    return (f"JRN-1, {len(sentences)} entries in Luxembourgish; the last of the pharmacist:", f"“{other}”")


async def takes_journal_away(cast: Cast) -> Notes:
    """The same as a file that proves by itself where it comes from."""
    asked = f"/AuditEvent/$journal?patient={_system(cast)}%7C{cast.papers.patient}&language=fr&format=pdf"
    response = await cast.patient.tell("GET", asked, cast.papers.patient)
    expect(response.status_code == httpx.codes.OK, f"HTTP {response.status_code}: {response.text[:300]}")
    expect(response.content.startswith(b"%PDF-") and b"/ByteRange" in response.content, "no signed PDF came")
    (cast.home / JOURNAL).write_bytes(response.content)
    return (f"PDF/A in French with our signature, {len(response.content) / 1000:.0f} kB",)


async def writes_dossier(cast: Cast) -> Notes:
    """Everything about the refused retrieve, for whoever has to judge it."""
    trace, made = refused_trace(cast.home), cast.home / DOSSIER
    rows = await asyncio.to_thread(partial(_dossier, cast, trace))
    size = made.stat().st_size / 1000
    return (f"`audit dossier {trace[:8]}…`: {rows} audit row, signed PDF/A, {size:.0f} kB",)


def _dossier(cast: Cast, trace: str) -> int:
    with administering(cast.settings, "auditor", f"audit dossier {trace}") as operator:
        return write_dossier(cast.settings, trace, cast.home / DOSSIER, operator)


def _syslog(cast: Cast) -> bytes:
    now = datetime.now(UTC)
    patient = PatientId(cast.papers.patient, cast.hospital.acting.endpoints.patient_id_root)
    facts = AuditFacts(
        event=_EVENT.received,
        type=_EVENT.type,
        action=_EVENT.received_action,
        at=now,
        outcome=Outcome.SUCCESS,
        source=Participant(f"https://{_OTHER}/repository", _OTHER, "1"),
        destination=Participant("https://ward.hospital.example", "ward.hospital.example", is_requestor=True),
        audit_source=AuditSource(_OTHER, "Test Hospital"),
        human=Human("dr.weber", "Dr Anne Weber"),
        objects=(patient_object(patient), document_object(cast.papers.laboratory.unique_id, None)),
    )
    return syslog_message(
        audit_message(facts), at=now, outcome=0, host="audit-source", process="1", position=0, repeated=False
    )


async def _until(cast: Cast, asked: dict[str, str]) -> dict[str, Any]:
    """The first event that is found; what comes in is findable within a moment."""
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    url, deadline = f"{cast.auditor.acting.endpoints.fhir}/AuditEvent", time.monotonic() + _FOUND_SECONDS
    while True:
        answer = (await cast.auditor.get(url, date=f"ge{since}", **asked)).json()
        others = [each["resource"] for each in answer.get("entry", []) if _is_other(each["resource"])]
        if others:
            return dict(others[0])
        expect(time.monotonic() < deadline, f"not found within {_FOUND_SECONDS:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)


def _is_other(event: dict[str, Any]) -> bool:
    return bool(event["source"]["observer"]["identifier"]["value"] == _OTHER)


def _sentence(event: dict[str, Any]) -> str:
    """The text of the narrative without its markup."""
    parts = str(event["text"]["div"]).replace("<", "><").split(">")
    text = "".join(part for part in parts if not part.startswith("<"))
    return unescape(" ".join(text.split()))


def _system(cast: Cast) -> str:
    return f"urn:oid:{cast.patient.acting.endpoints.patient_id_root}"
