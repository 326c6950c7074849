"""An event as FHIR AuditEvent: the mapping of the RESTful ATNA supplement, with the patterns of BALP.

What DICOM has no place for stays out; what FHIR cannot say in one element (name and query of an object) is
told by the query, as the resource demands.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from datetime import UTC
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from gateway.record.events import FHIR_TRANSACTIONS, TRANSACTIONS, Agent, AuditRecord, Entity, patient_name
from gateway.record.people import Code

Json = dict[str, Any]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
LIFE_CYCLE = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle"
_SYSTEMS = MappingProxyType({"DCM": DCM, TRANSACTIONS: FHIR_TRANSACTIONS})
_IN_URIS = ":/?#[]@!$&'()*+,;=%-._~"
"""What stays in the name of a scheme; all else, such as blanks, a URI has no room for."""
_CX_PARTS = 4


def audit_event(record: AuditRecord, logical_id: str) -> Json:
    """The resource. `logical_id` is what it is read again by."""
    found: Json = {
        "resourceType": "AuditEvent",
        "id": logical_id,
        "type": coding(record.event),
        "subtype": [coding(each) for each in record.types],
        "action": record.action,
        "recorded": _instant(record),
        "outcome": str(record.outcome),
        "outcomeDesc": record.description,
        "purposeOfEvent": [{"coding": [coding(each)]} for each in record.purposes],
        "agent": [_agent(each) for each in record.agents],
        "source": _source(record),
        "entity": [_entity(each) for each in record.entities],
    }
    return _filled(found)


def coding(code: Code) -> Json:
    """A coded value; OIDs become URIs, and schemes that FHIR has names for are called by them."""
    known = _SYSTEMS.get(code.scheme)
    return _filled(
        {
            "system": known or system_of(code.scheme),
            "code": " ".join(code.code.split()),
            "display": code.display,
        }
    )


def system_of(scheme: str) -> str:
    """The URI of a coding scheme."""
    if scheme in _SYSTEMS:
        return _SYSTEMS[scheme]
    return f"urn:oid:{scheme}" if scheme[:1].isdigit() else quote(scheme, safe=_IN_URIS)


def _instant(record: AuditRecord) -> str:
    return record.at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _agent(agent: Agent) -> Json:
    """The first role of a system is what it is in the event; all else are roles of security."""
    first = next((each for each in agent.roles if not agent.is_person), None)
    others = [each for each in agent.roles if each is not first]
    network = {"address": agent.address, "type": agent.address_type} if agent.address else None
    return _filled(
        {
            "type": {"coding": [coding(first)]} if first is not None else None,
            "role": [{"coding": [coding(each)]} for each in others],
            "who": _reference(_filled({"system": agent.domain, "value": agent.user_id})),
            "altId": agent.alternative_id,
            "name": agent.name,
            "requestor": agent.requestor,
            "policy": list(agent.policies),
            "media": coding(agent.media) if agent.media is not None else None,
            "network": network,
        }
    )


def _source(record: AuditRecord) -> Json:
    types = [{"system": SOURCE_TYPE, "code": each} for each in record.source_types]
    observer = {"identifier": {"value": record.source_id or "unknown"}}
    return _filled({"site": record.source_site, "observer": observer, "type": types})


def _entity(entity: Entity) -> Json:
    details = [_filled({"type": kind, "valueString": value}) for kind, value in entity.details]
    return _filled(
        {
            "what": _reference(identifier(entity)),
            "type": _plain(ENTITY_TYPE, entity.type_code),
            "role": _plain(OBJECT_ROLE, entity.role),
            "lifecycle": _plain(LIFE_CYCLE, entity.life_cycle),
            "securityLabel": [{"display": entity.sensitivity}] if entity.sensitivity else None,
            "name": entity.name if not entity.query else None,
            "query": _base64(entity.query) if entity.query else None,
            "detail": [each for each in details if {"type", "valueString"} <= each.keys()],
        }
    )


def identifier(entity: Entity) -> Json:
    """The identifier of an object; that of a patient with its system, as patients are searched for."""
    kind = {"coding": [coding(entity.id_type)]} if entity.id_type is not None else None
    value, system = entity.identifier, entity.domain
    if entity.is_patient and system is None:
        parts = patient_name(entity).split("^")
        if len(parts) >= _CX_PARTS and "&" in parts[_CX_PARTS - 1]:
            value, system = parts[0], f"urn:oid:{parts[_CX_PARTS - 1].split('&')[1]}"
    return _filled({"type": kind, "system": system, "value": value})


def _reference(identifier: Json) -> Json | None:
    """A reference by identifier, where there is one."""
    return {"identifier": identifier} if "value" in identifier else None


def _base64(query: str) -> str:
    """A query as the message has it; one that is not in base64, as some write it, is encoded."""
    try:
        b64decode("".join(query.split()), validate=True)
    except (binascii.Error, ValueError):
        return b64encode(query.encode()).decode()
    return query


def _plain(system: str, code: str | None) -> Json | None:
    return {"system": system, "code": code} if code else None


def _filled(element: Json) -> Json:
    """Without what is empty, which FHIR forbids; false is not."""
    return {
        name: value
        for name, value in element.items()
        if value is False or (value and (value.__class__ is not str or not value.isspace()))
    }
