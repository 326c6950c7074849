"""Events of RESTful transactions as the patterns of BALP write them (BALP 3:5.7.4), for those whom we tell.

The audit message of such a transaction has the codes of DICOM; as a FHIR resource it is a RESTful operation,
with the interaction beside the code of the transaction.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from gateway.record.events import QUERY_ROLE, Agent, AuditRecord, Entity
from gateway.record.people import Code
from gateway.trail.fhir import audit_event, coding

Json = dict[str, Any]

REST = Code("rest", "http://terminology.hl7.org/CodeSystem/audit-event-type", "RESTful Operation")
INTERACTION = "http://hl7.org/fhir/restful-interaction"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ENTITY_TYPES = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"

RESTFUL = frozenset(
    {"ITI-66", "ITI-67", "ITI-68", "ITI-78", "ITI-83", "ITI-104", "ITI-105", "ITI-106", "ITI-119"}
)
"""Transactions that BALP patterns are made for, though DICOM has codes for them."""

_INTERACTIONS = MappingProxyType({"C": "create", "R": "read", "U": "update", "D": "delete", "E": "search"})
_RECIPIENT = Code("IRCP", PARTICIPATION, "information recipient")
_AUTHOR = Code("AUT", PARTICIPATION, "author (originator)")
_READING = frozenset({"R", "E"})
_SOURCE = "110153"
_APPLICATION = Code("110150", "DCM", "Application")
_CUSTODIAN = Code(
    "custodian", "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "Custodian"
)
_REQUEST_ID = "XrequestId"


def patterned_event(record: AuditRecord, logical_id: str) -> Json:
    """The resource: in the pattern of its interaction, or as `audit_event` has it."""
    resource = audit_event(record, logical_id)
    if record.event.code != REST.code and record.transaction not in RESTFUL:
        return resource
    interaction = _INTERACTIONS[record.action or "E"]
    told = {"system": INTERACTION, "code": interaction, "display": interaction}
    kinds = [each for each in resource.get("subtype", ()) if each.get("system") != INTERACTION]
    resource |= {"type": coding(REST), "subtype": [told, *kinds]}
    resource["agent"] = [
        _agent(each, written, record) for each, written in zip(record.agents, resource["agent"], strict=True)
    ]
    if record.entities:
        resource["entity"] = [
            _entity(each, written) for each, written in zip(record.entities, resource["entity"], strict=True)
        ]
    return _observed(resource, record)


def _agent(agent: Agent, written: Json, record: AuditRecord) -> Json:
    """The user is who receives or writes; of a removal the systems are the application and the custodian."""
    kind: Code | None = None
    if agent.is_person:
        kind = _RECIPIENT if record.action in _READING else _AUTHOR
    elif record.action == "D":
        kind = _APPLICATION if any(each.code == _SOURCE for each in agent.roles) else _CUSTODIAN
    return {"type": {"coding": [coding(kind)]}, **_without(written, "type")} if kind else written


def _entity(entity: Entity, written: Json) -> Json:
    """A query has no identifier beside it; the id of the request has a type of its own."""
    if entity.role == QUERY_ROLE and entity.query:
        return _without(written, "what")
    if entity.id_type is not None and entity.id_type.code == _REQUEST_ID:
        kind = {"system": ENTITY_TYPES, "code": _REQUEST_ID}
        return {
            **_without(written, "role"),
            "type": kind,
            "what": {"identifier": {"value": entity.identifier}},
        }
    return written


def _observed(resource: Json, record: AuditRecord) -> Json:
    """Who recorded it is one of the agents: ours, which alone has a process id."""
    for agent, written in zip(record.agents, resource["agent"], strict=True):
        if agent.alternative_id and not agent.is_person:
            return {**resource, "source": {**resource["source"], "observer": written["who"]}}
    return resource


def _without(element: Json, name: str) -> Json:
    return {key: value for key, value in element.items() if key != name}
