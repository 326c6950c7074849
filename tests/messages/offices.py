"""What desks, officers and auditors ask, and what a patient asks about the own record."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import orjson

from gateway.cli.indexing import index_once
from gateway.cli.keeper import resume, seal_once
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests import feeding as fed
from tests.housing import PATIENT, House, transaction_of
from tests.messages.fhir import acting, fhir, parameters, resource_raw
from tests.messages.soap import write_soap
from tests.messages.xds import query_body

QUESTION, OPERATION = 7001, 7002
_REVIEW = "key, kind, patient_key, person, state, priority, explanation, created_at"
_EVENT = (
    "key, operation, kind, at, trace_id, actor, patient_key, head_before, head_after, person_before, "
    "person_after, state_before, state_after"
)


def desk_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The desk of identity vigilance, about the first known patient: a question, and a link to be undone."""
    ((key, person),) = house._query(f"SELECT key, person FROM patient WHERE extension = '{PATIENT}'")  # noqa: S608
    if not house._query(f"SELECT key FROM patient_review WHERE key = {QUESTION}"):  # noqa: S608
        asked = (QUESTION, "changed", key, person, "open", 2, '{"rule":"unlike"}', 0)
        house.change(f"INSERT INTO patient_review ({_REVIEW}) VALUES {asked}")  # noqa: S608
        moved = (7003, OPERATION, "link", 0, "-", "x", key, key, key, 7004, person, "active", "active")
        house.change(f"INSERT INTO patient_event ({_EVENT}) VALUES {moved}")  # noqa: S608
    told = {"outcome": "same", "reason": "-"} if transaction.code == "IDV-2" else {"reason": "-"}
    parameters = [{"name": name, "valueString": text} for name, text in told.items()]
    binding = transaction.binding
    number = QUESTION if binding.path.startswith("/Task") else OPERATION
    query = f"target=Patient/{int(str(person)):x}" if binding.path == "/Provenance" else ""
    raw = resource_raw(
        house,
        binding.method,
        binding.path.replace("{id}", f"{number:x}"),
        query,
        {"resourceType": "Parameters", "parameter": parameters} if binding.method == "POST" else None,
    )
    token = base64.urlsafe_b64encode(house.partner("identity-desk", "identity-manager").assertion()).rstrip(
        b"="
    )
    headers = {**raw.headers, "authorization": f"Bearer {token.decode()}"}
    return house.peer(replace(raw, headers=headers), "identity-desk")


def presence_raw(house: House, transaction: AnyTransaction) -> Raw:
    """A patient asks for a code; a professional shows the one that was asked for before."""
    root = house.settings.domain.affinity_oid
    told = [{"name": "patient", "valueIdentifier": {"system": f"urn:oid:{root}", "value": PATIENT}}]
    asked = resource_raw(house, "POST", "/Consent/$presence-code", "", parameters(told))
    asked = acting(house, asked, "tester", "patient", f"{PATIENT}^^^&{root}&ISO")
    if transaction.code == "PRS-1":
        return asked
    made = orjson.loads(b"".join(asyncio.run(house.call("fhir", asked)).pieces))
    told.append({"name": "code", "valueString": made["parameter"][0]["valueString"]})
    shown = resource_raw(house, "POST", "/Consent/$present", "", parameters(told))
    return acting(house, shown, "tester", "physician")


def emergency_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The patient reads notices; the privacy officer looks at an emergency that was, and judges it."""
    root, binding = house.settings.domain.affinity_oid, transaction.binding
    if transaction.code == "EMG-1":
        raw = fhir(house, "/Communication", f"patient.identifier=urn:oid:{root}%7C{PATIENT}")
        return acting(house, raw, "tester", "patient", f"{PATIENT}^^^&{root}&ISO")
    if not house._query("SELECT key FROM emergency"):
        claimed = write_soap(
            house, transaction_of(house, "ITI-18"), [query_body(house)], emergency="unconscious"
        )
        assert b"ExtrinsicObject" in b"".join(asyncio.run(house.call("soap", claimed)).pieces)
    ((key,),) = house._query("SELECT key FROM emergency")
    told = [{"name": "outcome", "valueString": "accepted"}, {"name": "reason", "valueString": "-"}]
    body = parameters(told) if binding.method == "POST" else None
    path = binding.path.replace("{id}", f"{int(str(key)):x}")
    raw = resource_raw(house, binding.method, path, "", body)
    return acting(house, raw, "tester", "data-protection-officer")


def journal_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The patient reads the own journal."""
    root = house.settings.domain.affinity_oid
    query = f"patient=urn:oid:{root}%7C{PATIENT}"
    identifier = {"name": "patient", "valueIdentifier": {"system": f"urn:oid:{root}", "value": PATIENT}}
    method, body = transaction.binding.method, parameters([identifier])
    if method == "GET":
        raw = resource_raw(house, method, "/AuditEvent/$journal", query, None)
    else:
        raw = resource_raw(house, method, "/AuditEvent/$journal", "", body)
    return acting(house, raw, "tester", "patient", f"{PATIENT}^^^&{root}&ISO")


def feed_raw(house: House, path: str, resource: object = None, **headers: str) -> Raw:
    """Audit events of the tester, which speaks for itself: one at /AuditEvent, a batch at the base."""
    told = resource if resource is not None else fed.audit_event()
    told = fed.batch(told) if resource is None and path == "/" else told
    raw = resource_raw(house, "POST", "" if path == "/" else path, "", told)
    kept = {name: value for name, value in raw.headers.items() if name != "authorization"}
    return house.peer(replace(raw, headers=kept | headers), "tester")


def trail_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The auditor searches the trail, or reads an event that was found."""
    path = transaction.binding.path
    if "{id}" in path:
        asyncio.run(found_again(house))
        ((at, key),) = house._query("SELECT at, id FROM event LIMIT 1")
        path = path.replace("{id}", f"{int(str(at)):x}-{int(str(key)):x}")
    return acting(house, fhir(house, path, "date=ge2026-01-01"), "tester", "auditor")


async def found_again(house: House) -> None:
    """Seals and indexes what was told, as the keeper does."""
    await seal_once(house.gateway, await resume(house.gateway))
    await index_once(house.gateway)
