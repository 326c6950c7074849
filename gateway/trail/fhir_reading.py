"""Reads a FHIR AuditEvent as an event: the counterpart of trail/fhir.py (FHIR R4 auditevent, BALP).

The patterns differ in where they say the same (who by identifier, reference or display; purposes of the event
or of an agent; roles as type or as role): all are taken, and identifiers keep the form they came in.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from gateway.crypto import safejson
from gateway.errors import Malformed
from gateway.record.events import (
    FHIR_TRANSACTIONS,
    PATIENT_ROLE,
    PERSON,
    TRANSACTIONS,
    Agent,
    AuditRecord,
    Entity,
)
from gateway.record.people import Code
from gateway.trail.fhir import DCM, ENTITY_TYPE, LIFE_CYCLE, OBJECT_ROLE

Json = Mapping[str, Any]

_SCHEMES = MappingProxyType({DCM: "DCM", FHIR_TRANSACTIONS: TRANSACTIONS})
_OIDS = "urn:oid:"
_OUTCOMES = frozenset({"0", "4", "8", "12"})
_ENTITY_TYPES = frozenset({"", ENTITY_TYPE, "http://hl7.org/fhir/audit-entity-type"})
_OBJECT_ROLES = frozenset({"", OBJECT_ROLE, "http://hl7.org/fhir/object-role"})
_LIFE_CYCLES = frozenset({"", LIFE_CYCLE, "http://hl7.org/fhir/dicom-audit-lifecycle"})


def read_json(data: bytes) -> AuditRecord:
    """The event of a resource in JSON (UTF-8); Malformed as `read_resource`."""
    found = safejson.parse(data)
    if not isinstance(found, dict):
        raise Malformed("expected a resource: one JSON object")
    return read_resource(found)


def read_resource(resource: Json) -> AuditRecord:
    """The event of a parsed AuditEvent; elements of another type than R4 gives them count as absent.

    Malformed when it is no AuditEvent, or lacks what an event cannot be kept without: what happened, and
    when; or when its outcome is none of the four. An outcome that is not given is success.
    """
    if resource.get("resourceType") != "AuditEvent":
        raise Malformed("expected an AuditEvent", location="resourceType")
    event = _code(resource.get("type"))
    if event is None:
        raise Malformed("the AuditEvent does not say what happened", location="AuditEvent.type")
    outcome = resource.get("outcome", "0")
    if outcome not in _OUTCOMES:
        raise Malformed("expected 0, 4, 8 or 12", location="AuditEvent.outcome")
    source = _object(resource.get("source"))
    agents = tuple(_objects(resource.get("agent")))
    return AuditRecord(
        event=event,
        at=_instant(resource.get("recorded")),
        outcome=int(outcome),
        action=_text(resource.get("action")) or None,
        types=tuple(_codes(resource.get("subtype"))),
        purposes=tuple(_purposes(resource, agents)),
        description=_text(resource.get("outcomeDesc")) or None,
        agents=tuple(_agent(each) for each in agents),
        source_id=_reference(_object(source.get("observer")))[0],
        source_site=_text(source.get("site")) or None,
        source_types=tuple(each.code for each in _codes(source.get("type"))),
        entities=tuple(_entity(each) for each in _objects(resource.get("entity"))),
    )


def scheme_of(system: str) -> str:
    """The coding scheme as DICOM messages name it, of the URI that FHIR names it by."""
    name = system.removeprefix(_OIDS)
    return _SCHEMES.get(system) or (name if ":" in name else unquote(name))


def _purposes(resource: Json, agents: tuple[Json, ...]) -> Iterator[Code]:
    """Purposes of the event, then those that only an agent tells."""
    seen = set()
    concepts = [resource.get("purposeOfEvent"), *(each.get("purposeOfUse") for each in agents)]
    for code in (code for each in concepts for code in _concepts(each)):
        if (code.code, code.scheme) not in seen:
            seen.add((code.code, code.scheme))
            yield code


def _agent(agent: Json) -> Agent:
    network, (user_id, domain) = _object(agent.get("network")), _reference(_object(agent.get("who")))
    return Agent(
        user_id=user_id,
        domain=domain,
        alternative_id=_text(agent.get("altId")) or None,
        name=_text(agent.get("name")) or _text(_object(agent.get("who")).get("display")) or None,
        requestor=agent.get("requestor") is True,
        roles=(*_concepts([agent.get("type")]), *_concepts(agent.get("role"))),
        address=_text(network.get("address")) or None,
        address_type=_text(network.get("type")) or None,
        media=_code(agent.get("media")),
        policies=tuple(filter(None, map(_text, _items(agent.get("policy"))))),
    )


def _entity(entity: Json) -> Entity:
    what = _object(entity.get("what"))
    identifier, domain = _reference(what)
    type_code, role = _plain(entity.get("type"), _ENTITY_TYPES), _plain(entity.get("role"), _OBJECT_ROLES)
    if role is None and type_code in {None, PERSON} and _is_patient(what):
        type_code, role = PERSON, PATIENT_ROLE
    labels = (
        _text(each.get("display")) or _text(each.get("code"))
        for each in _objects(entity.get("securityLabel"))
    )
    return Entity(
        identifier=identifier,
        domain=domain,
        id_type=next(_concepts([_object(what.get("identifier")).get("type")]), None),
        type_code=type_code,
        role=role,
        life_cycle=_plain(entity.get("lifecycle"), _LIFE_CYCLES),
        sensitivity=next(filter(None, labels), None),
        name=_text(entity.get("name")) or None,
        query=_text(entity.get("query")) or None,
        details=tuple(map(_detail, _objects(entity.get("detail")))),
    )


def _is_patient(what: Json) -> bool:
    """Whether a reference leads to a Patient, for a sender that gives no role."""
    path = _text(what.get("reference")).partition("?")[0].split("/")
    return _text(what.get("type")) == "Patient" or "Patient" in path[-4::2]


def _reference(reference: Json) -> tuple[str, str | None]:
    """What a Reference stands for and the system it is named in: identifier, else literal, else text."""
    identifier = _object(reference.get("identifier"))
    if value := _text(identifier.get("value")):
        return value, _text(identifier.get("system")) or None
    return _text(reference.get("reference")) or _text(reference.get("display")), None


def _detail(detail: Json) -> tuple[str, str]:
    """Type and value; base64 of text is read, other base64 is kept as it stands."""
    kind, encoded = _text(detail.get("type")), _text(detail.get("valueBase64Binary"))
    try:
        return kind, _text(detail.get("valueString")) or b64decode(encoded).decode("utf-8")
    except (binascii.Error, ValueError):
        return kind, encoded


def _instant(value: Any) -> datetime:
    """The moment; a leap second is told as the one before it, which is all that a datetime can say."""
    try:
        found = datetime.fromisoformat(_text(value).replace(":60", ":59"))
    except ValueError as error:
        raise Malformed("expected date, time and zone", location="AuditEvent.recorded") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


# --- codes ---------------------------------------------------------------------------------------


def _code(coding: Any) -> Code | None:
    found = _object(coding)
    code = _text(found.get("code"))
    return Code(code, scheme_of(_text(found.get("system"))), _text(found.get("display"))) if code else None


def _codes(codings: Any) -> Iterator[Code]:
    return (code for each in _items(codings) if (code := _code(each)) is not None)


def _concepts(concepts: Any) -> Iterator[Code]:
    """The codes of CodeableConcepts."""
    return (code for each in _objects(concepts) for code in _codes(each.get("coding")))


def _plain(coding: Any, systems: frozenset[str]) -> str | None:
    """A code of one of the systems: codes of others may look alike, and mean something else."""
    found = _object(coding)
    return _text(found.get("code")) or None if _text(found.get("system")) in systems else None


# --- JSON ----------------------------------------------------------------------------------------


def _object(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> Iterator[Json]:
    return (each for each in _items(value) if isinstance(each, Mapping))


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.strip() else ""
