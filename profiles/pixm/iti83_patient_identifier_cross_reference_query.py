"""ITI-83 Mobile Patient Identifier Cross-reference Query (PIXm 2:3.83): the operation $ihe-pix on Patient."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.lookup import CrossReference, Found, reader
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdqm.rules import key_of, refused, token_of
from profiles.pdqm.wire.patient import write_identifier
from profiles.pixm.codes import ANSWER_PROFILE, QUERY_DEFINITION, SOURCE, TARGET
from profiles.pixm.errors import refuse

_CODE, _TITLE = "ITI-83", "Mobile Patient Identifier Cross-reference Query"
_PATIENT = re.compile(r"Patient/(?P<id>[A-Za-z0-9.-]{1,64})")

_NO_SOURCE = "sourceIdentifier Assigning Authority not found"
_NOBODY = "sourceIdentifier Patient Identifier not found"
_NO_TARGET = "targetSystem not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`source` is a business identifier, else `resource` the id of a Patient; None for those of nobody here.

    `targets` are OIDs, None for a system that is not known. `itself`: the Patient resource is wanted too.
    """

    source: PatientId | None
    resource: str | None
    targets: tuple[str | None, ...]
    itself: bool
    received: bytes
    base: str


@dataclass(frozen=True, kw_only=True)
class Identified(Answer):
    """The other identifiers of the person; `resource` is the URL of its Patient, where that was asked for."""

    identifiers: tuple[PatientId, ...]
    resource: str | None = None


def decode(payload: FhirRequest, domain: Domain) -> Question:
    """The parameters of the URL, or of a Parameters resource."""
    given = payload.parameters if payload.resource is None else tuple(_told(payload.resource))
    others = sorted({name for name, _ in given} - {SOURCE, TARGET})
    if payload.strict and others:
        raise Refused(*(Problem(Meaning.NOT_SUPPORTED, "parameter not known here", name) for name in others))
    system, value = _source([value for name, value in given if name == SOURCE])
    local = _PATIENT.fullmatch(value) if _is_base(system, payload.base) else None
    root = domain.root_of_system(system)
    systems = [value for name, value in given if name == TARGET]
    itself = any(_is_base(each, payload.base) for each in systems)
    return Question(
        source=PatientId(value, root) if root else None,
        resource=local["id"] if local else None,
        targets=tuple(domain.root_of_system(each) for each in systems if not _is_base(each, payload.base)),
        itself=itself,
        received=urlencode(given, quote_via=quote).encode(),
        base=payload.base,
    )


def _told(resource: Any) -> Iterator[tuple[str, str]]:
    """The parameters of a Parameters resource; every one of ours is a text."""
    if resource.get("resourceType") != "Parameters":
        raise refused(Meaning.DATA_TYPE, "expected a Parameters resource", "Parameters")
    for at, each in enumerate(resource.get("parameter", ())):
        values = [each[name] for name in ("valueString", "valueUri", "valueCanonical") if name in each]
        if not values and each["name"] in {SOURCE, TARGET}:
            where = f"Parameters.parameter[{at}].value"
            raise refused(Meaning.DATA_TYPE, f"{each['name']}: expected a text", where)
        yield each["name"], values[0] if values else ""


def _source(values: Sequence[str]) -> tuple[str, str]:
    if not values:
        raise refused(Meaning.MISSING_PARAMETER, f"{SOURCE} is required", SOURCE)
    if len(values) > 1:
        raise refused(Meaning.PARAMETER_COUNT, f"{SOURCE}: {len(values)} values, expected 1", SOURCE)
    return token_of(values[0], SOURCE)


def _is_base(system: str, base: str) -> bool:
    return system.rstrip("/") == base


def encode(response: Identified, domain: Domain) -> FhirReply:
    """A Parameters resource, without parameters where nothing is to be told."""
    told: list[dict[str, Any]] = [
        {"name": "targetIdentifier", "valueIdentifier": write_identifier(each, domain)}
        for each in response.identifiers
    ]
    if response.resource is not None:
        told.append({"name": "targetId", "valueReference": {"reference": response.resource}})
    found: dict[str, Any] = {"resourceType": "Parameters", "meta": {"profile": [ANSWER_PROFILE]}}
    if told:
        found["parameter"] = told
    return FhirReply(200, JSON, Octets(orjson.dumps(found)))


def target(request: Question) -> Target:
    """The identifier asked for, and the query as it came."""
    return Target(
        patients=(request.source,) if request.source else (),
        query=QueryText("Patient/$ihe-pix", request.received),
    )


async def handle(call: Call[Question], services: Services) -> Identified:
    """Merged and removed identifiers are unknown; links that are only suspected never show."""
    asked = call.request
    found = await (_by_source(call, services) if asked.resource is None else _by_resource(call, services))
    if found.found is Found.NO_DOMAIN:
        raise refused(Meaning.UNKNOWN_KEY, _NO_SOURCE, SOURCE)
    if found.found is Found.NOBODY:
        raise refused(Meaning.NOT_FOUND, _NOBODY, SOURCE)
    if found.found is Found.NO_TARGET:
        raise refused(Meaning.UNKNOWN_KEY, _NO_TARGET, TARGET)
    # Where the resource alone is asked for, no other identifiers are.
    identifiers = () if asked.itself and not asked.targets else found.identifiers
    return Identified(
        identifiers=identifiers,
        resource=f"{asked.base}/Patient/{found.person:x}" if asked.itself else None,
        patients=identifiers,
    )


async def _by_source(call: Call[Question], services: Services) -> CrossReference:
    asked = call.request
    if asked.source is None:
        return CrossReference(found=Found.NO_DOMAIN)
    return await services.index.cross_reference(call, asked.source, asked.targets)


async def _by_resource(call: Call[Question], services: Services) -> CrossReference:
    """All identifiers of the person that a Patient resource stands for."""
    asked = call.request
    key = key_of(asked.resource or "")
    person = await services.index.person(call, key) if key is not None else None
    if person is None or not person.active:
        return CrossReference(found=Found.NOBODY)
    name = reader(call)
    seen = {root for root, each in services.domain.identity_domains.items() if each.seen_by(name)}
    if not seen.issuperset(asked.targets):
        return CrossReference(found=Found.NO_TARGET)
    wanted = set(asked.targets) or seen
    identifiers = tuple(each for each in person.identifiers if each.root in wanted)
    return CrossReference(found=Found.KNOWN, person=person.key, identifiers=identifiers)


def _asked_by(method: str) -> Transaction[Question, Identified]:
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section="PIXm 2:3.83",
        actors=Actors(
            "Patient Identifier Cross-reference Consumer", "Patient Identifier Cross-reference Manager"
        ),
        binding=Fhir(method=method, path="/Patient/$ihe-pix", definition=QUERY_DEFINITION),
        action=Action.PATIENT_QUERY,
        audit=query_event(_CODE, _TITLE),
        codec=Codec(decode=decode, encode=encode, refuse=refuse),
        target=target,
        handle=handle,
    )


TRANSACTIONS = (_asked_by("GET"), _asked_by("POST"))
"""GET is what PIXm prescribes; by POST any FHIR operation can be called (FHIR R4 operations 3.2.0.2)."""
